"""The style and the script of the page that `autogen inspect` writes. No part of a chat is ever put into them."""

STYLE = """
:root {
  color-scheme: light dark;
  --ground: #f6f7f9; --card: #ffffff; --ink: #1c2430; --soft: #5b6675; --line: #dde2e9; --code: #f1f3f7;
  --accent: #3b5bdb; --good: #23734a; --bad: #b42318; --warn: #8a5a00; --bad-ground: #fdf0ee;
  --a0: #3b5bdb; --a1: #b7590e; --a2: #1f7a4d; --a3: #8b3fb5; --a4: #0b7285; --a5: #b02a5b; --a6: #6b6f15; --a7: #5b6675;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #12161c; --card: #1b212a; --ink: #e4e9f0; --soft: #9aa7b6; --line: #313a46; --code: #11151b;
    --accent: #91a7ff; --good: #6fcf97; --bad: #ff9388; --warn: #f0c674; --bad-ground: #33201f;
    --a0: #91a7ff; --a1: #f2a65a; --a2: #6fcf97; --a3: #d09af0; --a4: #66c7d9; --a5: #f48fb1; --a6: #cfd36a; --a7: #9aa7b6;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); overflow-wrap: anywhere;
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, Arial, sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 1.25rem 1rem 4rem; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .15rem; }
h2 { font-size: 1.05rem; margin: 2rem 0 .6rem; }
h2 small { font-weight: 400; color: var(--soft); }
a { color: var(--accent); }
p { margin: .3rem 0; }
.soft { color: var(--soft); }
.state { border-left: 4px solid var(--good); background: var(--card); padding: .6rem .9rem; margin: .9rem 0;
  border-radius: 0 6px 6px 0; }
.state.failed { border-color: var(--bad); background: var(--bad-ground); }
.state.open { border-color: var(--warn); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(7.4rem, 1fr)); gap: .6rem; margin: .9rem 0 0; }
.tiles div { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: .55rem .8rem; }
.tiles dt { color: var(--soft); font-size: .8rem; }
.tiles dd { margin: 0; font-weight: 600; }
.tiles dd small { display: block; font-weight: 400; font-size: .8rem; color: var(--soft); }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
.bars { list-style: none; margin: 0; padding: .3rem .9rem; }
.bars li { padding: .5rem 0; border-top: 1px solid var(--line); }
.bars li:first-child { border-top: 0; }
.bars .row { display: flex; justify-content: space-between; gap: 1rem; flex-wrap: wrap; }
.bars svg { display: block; width: 100%; height: 8px; margin: .25rem 0 .2rem; border-radius: 4px; background: var(--code); }
.bars small { color: var(--soft); }
.name { font-weight: 600; color: var(--a7); }
.a0 { color: var(--a0); fill: var(--a0); } .a1 { color: var(--a1); fill: var(--a1); }
.a2 { color: var(--a2); fill: var(--a2); } .a3 { color: var(--a3); fill: var(--a3); }
.a4 { color: var(--a4); fill: var(--a4); } .a5 { color: var(--a5); fill: var(--a5); }
.a6 { color: var(--a6); fill: var(--a6); } .a7 { color: var(--a7); fill: var(--a7); }
ol.slow { margin: 0; padding: .5rem .9rem .5rem 2.2rem; }
ul.plain { margin: 0; padding: .5rem .9rem .5rem 2rem; }
details.card > summary { cursor: pointer; padding: .5rem .9rem; }
.picture { overflow-x: auto; padding: .5rem; }
.picture svg { display: block; margin: 0 auto; max-width: max(100%, 44rem); height: auto; }
.tools { position: sticky; top: 0; z-index: 1; background: var(--ground); padding: .5rem 0; display: flex; gap: .5rem;
  align-items: center; flex-wrap: wrap; }
.tools input[type=search] { flex: 1 1 12rem; min-width: 0; font: inherit; padding: .4rem .6rem; border-radius: 6px;
  border: 1px solid var(--line); background: var(--card); color: inherit; }
.tools button { font: inherit; padding: .35rem .7rem; border-radius: 6px; border: 1px solid var(--line);
  background: var(--card); color: inherit; cursor: pointer; }
.tools label { white-space: nowrap; }
.turn { background: var(--card); border: 1px solid var(--line); border-radius: 8px; margin: .55rem 0; }
.turn > summary { padding: .55rem .9rem; cursor: pointer; list-style: none; display: flex; flex-wrap: wrap;
  gap: .1rem .7rem; align-items: baseline; }
.turn > summary::-webkit-details-marker { display: none; }
.turn > summary::before { content: "\\25B8"; color: var(--soft); flex: none; width: .7rem; }
.turn[open] > summary::before { content: "\\25BE"; }
.turn > summary .nr { color: var(--soft); font-variant-numeric: tabular-nums; text-decoration: none; }
.turn > summary .facts { color: var(--soft); font-size: .85rem; }
.turn > summary .short { display: none; flex: 1 1 100%; padding-left: 1.4rem; color: var(--soft); white-space: nowrap;
  overflow: hidden; text-overflow: ellipsis; }
.turn:not([open]) > summary .short { display: block; }
.turn.failed > summary .nr::after { content: " \\25CF"; color: var(--bad); }
.turn:target { border-color: var(--accent); }
.body { padding: 0 .9rem .8rem 2.3rem; }
.said { white-space: pre-wrap; unicode-bidi: isolate; margin: 0; font: inherit; }
pre { margin: .4rem 0; padding: .55rem .7rem; background: var(--code); border-radius: 6px; white-space: pre-wrap;
  font: 13px/1.45 ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace; tab-size: 4;
  unicode-bidi: isolate; max-height: 26rem; overflow: auto; }
.label { color: var(--soft); font-size: .8rem; margin: .5rem 0 0; }
.work { margin: .6rem 0 0; padding: 0; list-style: none; font-size: .9rem; border-top: 1px dashed var(--line); }
.work li { margin: .35rem 0 0; }
.work summary { cursor: pointer; color: var(--soft); }
.work .failed > summary { color: var(--bad); }
.work .running > summary { color: var(--warn); }
.call { display: block; color: var(--warn); font: 13px/1.45 ui-monospace, Menlo, Consolas, monospace; margin: .2rem 0; }
.inner { border-left: 3px solid var(--line); padding-left: .7rem; margin: .55rem 0 .55rem .5rem; }
@media (max-width: 40rem) {
  main { padding: 1rem .7rem 3rem; }
  .body { padding: 0 .7rem .7rem .9rem; }
  .inner { padding-left: .4rem; margin-left: .1rem; }
}
@media (prefers-color-scheme: dark) {
  .picture svg.autogen-chat > rect:first-of-type, .picture svg.autogen-chat .under { fill: #1b212a; }
  .picture svg.autogen-chat text { fill: #e4e9f0; }
  .picture svg.autogen-chat text.call { fill: #f0c674; }
  .picture svg.autogen-chat text.result { fill: #6fcf97; }
  .picture svg.autogen-chat .box { fill: #27304a; stroke: #7f8fe0; }
  .picture svg.autogen-chat .life { stroke: #4a5563; }
  .picture svg.autogen-chat .note { fill: #3a3420; stroke: #8d7d3f; }
  .picture svg.autogen-chat .arrow { stroke: #b6c2cf; }
  .picture svg.autogen-chat .arrow.call { stroke: #f0c674; }
  .picture svg.autogen-chat .arrow.result { stroke: #6fcf97; }
  .picture svg.autogen-chat #autogen-text path { fill: #b6c2cf; }
  .picture svg.autogen-chat #autogen-call path { fill: #f0c674; }
  .picture svg.autogen-chat #autogen-result path { fill: #6fcf97; }
}
@media print {
  .tools { display: none; }
  pre { max-height: none; }
}
"""

SCRIPT = """
(function () {
  "use strict";
  var turns = Array.prototype.slice.call(document.querySelectorAll(".turn"));
  var field = document.getElementById("search");
  var failures = document.getElementById("failures");
  var found = document.getElementById("found");
  function show() {
    var words = field.value.toLowerCase().split(/\\s+/).filter(Boolean);
    var count = 0;
    turns.forEach(function (turn) {
      var text = turn.searched || (turn.searched = turn.textContent.toLowerCase());
      var fits = words.every(function (word) { return text.indexOf(word) >= 0; });
      fits = fits && (!failures.checked || turn.classList.contains("failed"));
      turn.hidden = !fits;
      if (fits) { count += 1; }
    });
    found.textContent = words.length || failures.checked ? count + " of " + turns.length + " turns" : "";
  }
  function fold(open) { turns.forEach(function (turn) { turn.open = open; }); }
  function reveal() {
    var turn = location.hash ? document.getElementById(location.hash.slice(1)) : null;
    if (turn) { turn.hidden = false; turn.open = true; turn.scrollIntoView(); }
  }
  field.addEventListener("input", show);
  failures.addEventListener("change", show);
  document.getElementById("fold").addEventListener("click", function () { fold(false); });
  document.getElementById("unfold").addEventListener("click", function () { fold(true); });
  document.addEventListener("keydown", function (event) {
    if (event.key === "/" && document.activeElement !== field) { event.preventDefault(); field.focus(); }
  });
  window.addEventListener("hashchange", reveal);
  document.getElementById("tools").hidden = false;
  reveal();
})();
"""

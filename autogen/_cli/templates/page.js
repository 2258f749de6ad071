(function () {
  "use strict";
  var turns = Array.prototype.slice.call(document.querySelectorAll(".turn"));
  var field = document.getElementById("search");
  var failures = document.getElementById("failures");
  var found = document.getElementById("found");
  function show() {
    var words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
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

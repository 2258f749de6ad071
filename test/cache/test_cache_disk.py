"""A cache on disk: its files, its limit, and disks that are not as they should be."""

import os
import pickle
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from autogen.cache import Cache
from autogen.cache.disk_cache import FILE, DiskCache

MIB = 2**20


def open_handles(directory):
    """How often this process has the files of a cache open."""
    links = [os.path.realpath(f"/proc/self/fd/{number}") for number in os.listdir("/proc/self/fd")]
    return sum(link.startswith(str(directory)) and Path(link).name == FILE for link in links)


counts_handles = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="there is no list of open files here")


def stored(cache, names):
    return [name for name in names if cache.get(name) is not None]


def test_nothing_is_written_before_the_first_value(tmp_path):
    cache = Cache.disk(7, str(tmp_path / "root"))
    assert cache.get("k") is None
    assert not (tmp_path / "root").exists()
    cache.set("k", 1)
    assert (tmp_path / "root" / "7" / FILE).exists()


@pytest.mark.skipif(os.name == "nt", reason="modes are POSIX")
def test_what_it_writes_is_for_this_user_alone(tmp_path):
    mask = os.umask(0)
    try:
        DiskCache(tmp_path / "c").set("k", 1)
    finally:
        os.umask(mask)
    assert (tmp_path / "c").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "c").iterdir()} == {0o600}


def test_no_prompt_is_in_the_file(tmp_path):
    with DiskCache(tmp_path) as cache:
        cache.set("the prompt of a request", "answer")
    cache.close()
    assert b"the prompt" not in (tmp_path / FILE).read_bytes()


@counts_handles
def test_the_caches_of_a_directory_share_one_handle_that_stays_open(tmp_path):
    for number in range(20):
        with DiskCache(tmp_path) as cache:
            cache.set(str(number), number)
        assert open_handles(tmp_path) == 1
    cache.close()
    assert open_handles(tmp_path) == 0
    assert DiskCache(tmp_path).get("3") == 3


@counts_handles
def test_caches_that_were_not_used_for_long_are_closed(tmp_path):
    caches = [DiskCache(tmp_path / str(number)) for number in range(40)]
    for number, cache in enumerate(caches):
        cache.set("k", number)
    assert open_handles(tmp_path) == 16
    assert [cache.get("k") for cache in caches] == list(range(40))


def test_it_stays_where_it_was_made_when_the_working_directory_changes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cache = Cache.disk(1)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    cache.set("k", 1)
    assert (tmp_path / ".cache" / "1" / FILE).exists()


@pytest.mark.skipif(os.name == "nt", reason="the directory in use can't be removed")
def test_a_working_directory_that_is_gone_means_no_cache(tmp_path, monkeypatch, warnings_of):
    monkeypatch.chdir(tmp_path)
    os.mkdir("gone")
    monkeypatch.chdir("gone")
    (tmp_path / "gone").rmdir()
    cache = Cache.disk(1)
    cache.set("k", 1)
    cache.set("k", 1)
    assert cache.get("k") is None
    assert len(warnings_of()) == 1
    monkeypatch.undo()


def test_a_cache_that_is_removed_while_it_is_open_begins_anew(tmp_path):
    cache = DiskCache(tmp_path / "c")
    cache.set("old", 1)
    shutil.rmtree(tmp_path / "c")
    assert cache.get("old") is None
    cache.set("new", 2)
    assert DiskCache(tmp_path / "c").get("new") == 2


def test_a_cache_that_is_moved_is_found_in_its_new_place(tmp_path):
    cache = DiskCache(tmp_path / "c")
    cache.set("k", 1)
    (tmp_path / "c").rename(tmp_path / "d")
    assert cache.get("k") is None
    assert DiskCache(tmp_path / "d").get("k") == 1


# ---- the limit


def test_what_was_stored_longest_ago_goes_first(tmp_path):
    cache = DiskCache(tmp_path, size_limit=MIB)
    names = [str(number) for number in range(100)]
    for name in names:
        cache.set(name, "x" * 30_000)
        cache.get("0")  # reading does not make it younger
    left = stored(cache, names)
    assert 20 <= len(left) <= 35
    assert left == names[-len(left) :]
    cache.close()
    assert (tmp_path / FILE).stat().st_size <= MIB + 100_000


def test_a_value_that_is_stored_again_is_young_again(tmp_path):
    cache = DiskCache(tmp_path, size_limit=MIB)
    for number in range(100):
        cache.set("old", "y" * 30_000)
        cache.set(str(number), "x" * 30_000)
    assert cache.get("old") == "y" * 30_000


def test_a_smaller_limit_is_reached_with_the_next_value(tmp_path):
    DiskCache(tmp_path, None).set("big", "x" * 3 * MIB)
    for number in range(50):
        DiskCache(tmp_path, None).set(str(number), "x" * 30_000)
    small = DiskCache(tmp_path, 500_000)
    small.set("last", 1)
    left = stored(small, ["big", *map(str, range(50)), "last"])
    assert left[0] != "big"
    assert left[-1] == "last"
    assert len(left) < 18


def test_a_value_beyond_the_limit_is_not_kept_and_nor_is_what_it_replaces(tmp_path):
    cache = DiskCache(tmp_path, size_limit=MIB)
    cache.set("other", 1)
    cache.set("k", "small")
    cache.set("k", "x" * 2 * MIB)
    assert cache.get("k") is None
    assert cache.get("other") == 1


@pytest.mark.parametrize("limit", [0, -1, 65_535])
def test_a_limit_that_holds_nothing_is_refused(tmp_path, limit):
    with pytest.raises(ValueError, match="at least 65536 bytes"):
        Cache.disk(1, str(tmp_path), size_limit=limit)


# ---- moved and merged


def test_an_exported_cache_is_one_that_can_be_used(tmp_path):
    cache = Cache.disk(1, str(tmp_path / "a"))
    cache.set("k", {"v": 1})
    cache.cache.export(tmp_path / "b" / "1")
    assert sorted(path.name for path in (tmp_path / "b" / "1").iterdir()) == [FILE, "answers.lock"]
    assert Cache.disk(1, str(tmp_path / "b")).get("k") == {"v": 1}
    assert (tmp_path / "b" / "1" / FILE).stat().st_mode & 0o777 == 0o600


def test_an_export_overwrites_no_cache(tmp_path):
    DiskCache(tmp_path / "a").set("k", 1)
    DiskCache(tmp_path / "b").set("k", 2)
    with pytest.raises(FileExistsError, match="merge"):
        DiskCache(tmp_path / "a").export(tmp_path / "b")
    assert DiskCache(tmp_path / "b").get("k") == 2


def test_an_export_of_a_damaged_cache_leaves_nothing_behind(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / FILE).write_bytes(b"nonsense" * 1000)
    with pytest.raises(OSError, match="can't be merged into"):
        DiskCache(tmp_path / "a").export(tmp_path / "b")
    assert not (tmp_path / "b" / FILE).exists()


def test_an_export_that_cannot_be_written_says_so(tmp_path):
    DiskCache(tmp_path / "a").set("k", 1)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match="can't be merged into"):
        DiskCache(tmp_path / "a").export(tmp_path / "file" / "b")


def test_caches_are_merged_and_the_later_answer_stays(tmp_path):
    one, two = DiskCache(tmp_path / "1"), DiskCache(tmp_path / "2")
    one.set("only one", 1)
    one.set("later in two", "old")
    two.set("later in two", "new")
    two.set("later in one", "old")
    one.set("later in one", "new")
    two.set("only two", 2)
    assert one.merge(two) == 2
    assert one.merge(str(tmp_path / "2")) == 0
    assert {key: one.get(key) for key in ("only one", "only two", "later in one", "later in two")} == {
        "only one": 1,
        "only two": 2,
        "later in one": "new",
        "later in two": "new",
    }
    assert two.get("only one") is None
    assert one.merge(one) == 0


def test_a_merge_keeps_the_limit(tmp_path):
    big, small = DiskCache(tmp_path / "big"), DiskCache(tmp_path / "small", size_limit=MIB)
    for number in range(100):
        big.set(str(number), "x" * 30_000)
    assert small.merge(big) == 100
    left = stored(small, [str(number) for number in range(100)])
    assert left == [str(number) for number in range(100)][-len(left) :]
    assert 10 < len(left) < 35


def test_what_is_no_cache_can_not_be_merged(tmp_path):
    cache = DiskCache(tmp_path / "1")
    cache.set("k", 1)
    with pytest.raises(FileNotFoundError, match="no cache in"):
        cache.merge(tmp_path / "2")
    for content in (b"nonsense" * 1000, b""):
        (tmp_path / "2").mkdir(exist_ok=True)
        (tmp_path / "2" / FILE).write_bytes(content)
        with pytest.raises(OSError, match="can't be merged into"):
            cache.merge(tmp_path / "2")
        assert (tmp_path / "2" / FILE).read_bytes() == content
    assert cache.get("k") == 1


def test_a_cache_can_be_handed_to_another_process(tmp_path):
    DiskCache(tmp_path, size_limit=MIB).set("k", 1)
    assert pickle.loads(pickle.dumps(DiskCache(tmp_path, size_limit=MIB))).get("k") == 1


# ---- damage, and disks that can't be written


@pytest.mark.parametrize("content", [b"this is no database" * 100, b"SQLite format 3\0" + b"x" * 5000], ids=["text", "torn"])
def test_a_damaged_file_is_set_aside(tmp_path, warnings_of, content):
    (tmp_path / FILE).write_bytes(content)
    cache = DiskCache(tmp_path)
    cache.set("k", 1)
    assert cache.get("k") == 1
    assert (tmp_path / f"{FILE}.damaged").read_bytes() == content
    (warning,) = warnings_of()
    assert "is damaged" in warning


def test_the_file_of_another_program_is_set_aside(tmp_path):
    with closing(sqlite3.connect(tmp_path / FILE)) as connection, connection:
        connection.execute("CREATE TABLE answers (question, answer)")
    connection.close()
    cache = DiskCache(tmp_path)
    assert cache.get("k") is None
    cache.set("k", 1)
    assert cache.get("k") == 1
    assert (tmp_path / f"{FILE}.damaged").exists()


ENDLESS = (
    "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT n AS key, '1' AS value, 1.0 AS stored FROM r"
)

HOSTILE = {
    "a view without end": f"DROP TABLE answers; CREATE VIEW answers AS {ENDLESS}",
    "a trigger": f"CREATE TRIGGER t AFTER INSERT ON answers BEGIN INSERT OR IGNORE INTO answers {ENDLESS}; END",
    "another table": "CREATE TABLE more (n)",
}


@pytest.mark.parametrize("attack", HOSTILE)
def test_a_file_that_is_made_to_harm_its_reader_is_set_aside(tmp_path, attack):
    for name in ("used", "merged"):
        cache = DiskCache(tmp_path / name)
        cache.set("k", 1)
        cache.close()
        with closing(sqlite3.connect(tmp_path / name / FILE)) as connection, connection:
            connection.executescript(HOSTILE[attack])
        connection.close()
    with pytest.raises(OSError, match=r"can't be merged.*is not expected in it"):
        DiskCache(tmp_path / "new").merge(tmp_path / "merged")
    assert DiskCache(tmp_path / "used").get("k") is None
    DiskCache(tmp_path / "used").set("k", 2)
    assert DiskCache(tmp_path / "used").get("k") == 2
    assert (tmp_path / "used" / f"{FILE}.damaged").exists()


def test_a_file_that_is_damaged_while_it_is_in_use_is_set_aside_once(tmp_path, warnings_of):
    cache = DiskCache(tmp_path)
    for number in range(200):
        cache.set(str(number), "x" * 5000)
    cache.close()
    size = (tmp_path / FILE).stat().st_size
    with open(tmp_path / FILE, "r+b") as file:
        file.seek(8192)
        file.write(os.urandom(size - 8192))
    values = [DiskCache(tmp_path).get(str(number)) for number in range(200)]
    assert set(values) <= {None, "x" * 5000}
    DiskCache(tmp_path).set("k", 1)
    assert DiskCache(tmp_path).get("k") == 1
    assert len(warnings_of()) == 1


def test_a_place_that_cannot_be_written_means_no_cache_and_one_warning(tmp_path, warnings_of, clock):
    (tmp_path / "file").write_text("in the way")
    for number in range(5):  # a request has a cache object of its own
        cache = DiskCache(tmp_path / "file" / "cache")
        cache.set("k", number)
        assert cache.get("k") is None
    clock.now += 61
    DiskCache(tmp_path / "file" / "cache").set("k", 1)
    (warning,) = warnings_of()
    assert "nothing new is cached" in warning


def test_a_place_that_can_be_written_again_is_used_again(tmp_path, clock):
    (tmp_path / "c").write_text("in the way")
    cache = DiskCache(tmp_path / "c")
    cache.set("k", 1)
    (tmp_path / "c").unlink()
    cache.set("k", 1)
    assert cache.get("k") is None  # not at once
    clock.now += 61
    cache.set("k", 1)
    assert cache.get("k") == 1


READER = """
import os, sys
# pathlib of Python 3.13 imports it late, and another user may not be able to read this interpreter's modules
import urllib.parse
from autogen.cache.disk_cache import DiskCache
# permissions do not bind root
if os.getuid() == 0:
    os.setgid(65534), os.setuid(65534)
for _ in range(3):
    cache = DiskCache(sys.argv[1])
    cache.set("k", 2)
    assert cache.get("k") == 1, cache.get("k")
other = DiskCache(sys.argv[2])
print(other.merge(cache))
"""


@pytest.mark.skipif(os.name == "nt", reason="modes are POSIX")
def test_a_cache_on_a_disk_that_cannot_be_written_can_be_read_and_merged():
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o755)
        cache = DiskCache(Path(place, "c"))
        cache.set("k", 1)
        cache.close()
        os.chmod(Path(place, "c", FILE), 0o444)
        Path(place, "c", "answers.lock").unlink()
        os.chmod(Path(place, "c"), 0o555)
        Path(place, "free").mkdir(mode=0o777)
        os.chmod(Path(place, "free"), 0o777)
        command = [sys.executable, "-c", READER, f"{place}/c", f"{place}/free/d"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        os.chmod(Path(place, "c"), 0o755)
    assert (done.returncode, done.stdout) == (0, "1\n"), done.stderr
    assert done.stderr.count("nothing new is cached") == 1


def test_a_path_that_no_system_has_is_refused(tmp_path):
    with pytest.raises(ValueError, match="null character"):
        Cache.disk("a\0b", str(tmp_path))


def test_a_name_that_is_too_long_means_no_cache(tmp_path, warnings_of):
    cache = Cache.disk("x" * 5000, str(tmp_path))
    assert cache.get("k") is None
    cache.set("k", 1)
    assert len(warnings_of()) == 1

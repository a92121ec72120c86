"""The profile's file: what is written is read back, and nothing else is believed."""

import dataclasses
import hashlib
import json
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardrails._errors import ProfileError
from guardrails._profile import Filters, Leaf, Parity, Profile, Rate


@pytest.fixture
def profile(classifier):
    return dataclasses.replace(
        classifier(works=0.1, answered=0.3),
        libraries={"numpy": "2", "mapie": "1.6"},
        benchmark=Rate(k=3, n=200, low=0.003, high=0.04, confidence=0.95),
        filters=Filters(contract="c", replayed=True),
        parity=Parity(rows=200, differing=0),
        rows_hash="ab",
        created="2026-11-01",
    )


def signed(content):
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return json.dumps(
        {"guardrails_profile": 1, "sha256": hashlib.sha256(text.encode()).hexdigest(), "content": content}
    )


def test_a_saved_profile_is_loaded_equal(profile, tmp_path):
    """Every field, through the file."""
    profile.save(tmp_path / "m.json")
    assert Profile.load(tmp_path / "m.json") == profile
    assert [path.name for path in tmp_path.iterdir()] == ["m.json"]


@given(
    st.one_of(
        *(
            st.lists(labels, min_size=2, max_size=5, unique=True)
            for labels in (
                st.text(),
                st.integers(),
                st.floats(allow_nan=False, allow_infinity=False),
                st.one_of(st.text(), st.integers(2), st.booleans(), st.floats(2.5, 2.9)),
            )
        )
    ),
    st.floats(0, 1e300),
)
@settings(max_examples=100, deadline=None)
def test_labels_and_numbers_keep_type_and_value(classes, quantile):
    """1, 1.0, True and "1" stay what they are, and a float its last bit."""
    profile = Profile(kind="classifier", name="m", classes=tuple(classes), leaf=Leaf(n=9, quantile=quantile))
    read = Profile.from_json(profile.to_json())
    assert read == profile
    assert [type(label) for label in read.classes] == [type(label) for label in classes]


def test_the_same_profile_gives_the_same_bytes(profile):
    """A reviewer can diff it."""
    again = dataclasses.replace(profile, libraries=dict(reversed(profile.libraries.items())))
    assert again.to_json() == profile.to_json()


def test_layout_does_not_count(profile):
    """The hash is of the content, not of its spelling."""
    assert Profile.from_json(json.dumps(json.loads(profile.to_json()))) == profile


def test_saving_replaces_a_file_whole(profile, tmp_path, monkeypatch):
    """A failure while writing leaves the old file, and no rubbish beside it."""
    path = tmp_path / "m.json"
    path.write_text("old")
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        profile.save(path)
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("m.json", "old")]


def test_every_truncation_is_refused(profile):
    """A file cut anywhere, but for the last newline, is not read."""
    text = profile.to_json().rstrip()
    for end in range(0, len(text), 7):
        with pytest.raises(ProfileError, match="truncated"):
            Profile.from_json(text[:end])


def leaves(value, path=()):
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(item, (*path, key))
    else:
        yield path


def test_every_changed_value_is_refused(profile):
    """Whatever is edited by hand, the hash differs."""
    text = profile.to_json()
    paths = list(leaves(json.loads(text)["content"]))
    assert len(paths) > 50
    for path in paths:
        document = json.loads(text)
        *parents, last = path
        holder = document["content"]
        for key in parents:
            holder = holder[key]
        holder[last] = "edited"
        with pytest.raises(ProfileError, match="changed after it was written"):
            Profile.from_json(json.dumps(document))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "truncated"),
        ("not json", "not JSON"),
        ("[]", "expected an object"),
        ("{}", "no key 'guardrails_profile'"),
        ('{"guardrails_profile": 2, "sha256": "", "content": {}}', "unknown profile format version 2"),
        ('{"guardrails_profile": true, "sha256": "", "content": {}}', "unknown profile format version True"),
        ('{"guardrails_profile": 1, "content": {}}', "lacks its 'content' or its 'sha256'"),
        ('{"guardrails_profile": 1, "sha256": "", "content": []}', "lacks its 'content' or its 'sha256'"),
        ('{"guardrails_profile": 1, "sha256": "", "content": {}}', "sha256 differs"),
        ('{"guardrails_profile": 1, "sha256": "", "content": {"quantile": NaN}}', "holds NaN"),
        ('{"guardrails_profile": 1, "sha256": "", "content": {"quantile": -Infinity}}', "holds -Infinity"),
        ('{"guardrails_profile": 1, "sha256": "", "content": {"quantile": 1e999}}', "finite"),
        ('{"guardrails_profile": 1, "guardrails_profile": 1}', "names a key twice"),
        ("[" * 100_000, "not JSON"),
    ],
    ids=range(14),
)
def test_what_is_no_profile_says_what_is_wrong(text, words):
    """Each with its own words."""
    with pytest.raises(ProfileError, match=words):
        Profile.from_json(text)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c.pop("leaf"), "lacks the key content.leaf"),
        (lambda c: c["leaf"].pop("quantile"), "lacks the key content.leaf.quantile"),
        (lambda c: c["leaf"]["works"].pop("bound"), "lacks the key content.leaf.works.bound"),
        (lambda c: c.update(extra=1), "unknown key content.extra"),
        (lambda c: c.update(kind="clusterer"), "content.kind is not what this release writes"),
        (lambda c: c.update(coverage="0.9"), "content.coverage is not"),
        (lambda c: c.update(looks=True), "content.looks is not"),
        (lambda c: c.update(classes=["a", None]), r"content.classes\[1\] is not"),
        (lambda c: c.update(classes=["a", []]), r"content.classes\[1\] is not"),
        (lambda c: c.update(classes=["a"]), "two or more different classes"),
        (lambda c: c.update(classes=["a", "a"]), "two or more different classes"),
        (lambda c: c.update(kind="regressor"), "a regressor's none"),
        (lambda c: c["leaf"].update(quantile=-1.0), "a finite quantile that is not negative"),
        (lambda c: c.update(libraries=["numpy"]), "content.libraries is not"),
        (lambda c: c["leaf"].update(works=[]), "content.leaf.works is not"),
    ],
)
def test_a_signed_file_must_still_make_sense(profile, change, words):
    """A content rewritten with a matching hash is checked key by key; the message says where."""
    content = json.loads(profile.to_json())["content"]
    change(content)
    with pytest.raises(ProfileError, match=words):
        Profile.from_json(signed(content))


def test_a_file_that_is_not_text_is_refused(tmp_path):
    """A pickle is no profile."""
    (tmp_path / "m.json").write_bytes(b"\x80\x05\xff")
    with pytest.raises(ProfileError, match="not UTF-8"):
        Profile.load(tmp_path / "m.json")


def test_a_file_that_is_absent_is_the_callers_error(tmp_path):
    """`OSError` passes: the path is in its message."""
    with pytest.raises(FileNotFoundError, match=r"m\.json"):
        Profile.load(tmp_path / "m.json")


def test_a_profile_that_holds_infinity_cannot_be_written(profile):
    """It could not be read back."""
    with pytest.raises(ProfileError, match="finite"):
        dataclasses.replace(profile, tolerance=float("inf")).to_json()


def test_profiles_are_values(profile):
    """Frozen, comparable, hashable, and they survive being sent to a worker."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        profile.name = "other"
    copy = pickle.loads(pickle.dumps(profile))
    assert copy == profile
    assert hash(copy) == hash(profile)


def test_the_summary_says_what_is_promised(profile):
    """Name, rows, filters, parity and both certificates, in words."""
    summary = profile.summary()
    for words in (
        "classifier",
        "2026-11-01",
        "contract replayed on the inputs; no output check",
        "3 of 200",
        "0 of 200 calibration rows differ",
        "max_error: answers with score s >= 2.303",
        "max_degraded_error",
        "7 errors in 40",
        "not over the answered part",
    ):
        assert words in " ".join(summary.split())


def test_the_summary_says_why_nothing_is_promised(regressor):
    """The reason stands in the certificate's place."""
    assert "not certified: too few rows" in regressor(works=False).summary()


@pytest.mark.parametrize(
    ("own", "guard", "words"),
    [
        (Filters(), (None, None), ""),
        (Filters(), ("c", "o"), ""),
        (Filters(contract="c"), ("c", "o"), ""),
        (Filters(contract="c"), ("d", None), "the guard's contract is not the one"),
        (
            Filters(contract="c"),
            (None, None),
            "the guard has no contract and the profile was calibrated with one",
        ),
        (Filters(replayed=True), (None, None), ""),
        (
            Filters(replayed=True),
            ("c", None),
            "the guard has a contract and the profile was calibrated without one",
        ),
        (Filters(contract="c", replayed=True), ("c", "o"), "the guard has an output check"),
        (
            Filters(contract="c", output="o", replayed=True),
            ("c", "p"),
            "the guard's output check is not the one",
        ),
        (Filters(contract="c", output="o", replayed=True), ("c", "o"), ""),
    ],
)
def test_filters_are_part_of_the_certificate(profile, own, guard, words):
    """Rows that count as already filtered vouch for any filter that calibration did not name."""
    reason = dataclasses.replace(profile, filters=own).matches_filters(*guard)
    assert reason.startswith(words)
    assert bool(reason) == bool(words)

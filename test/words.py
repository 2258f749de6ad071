"""Words for `test_wording.py`: how names of functions begin, and words that the package has given up."""

from typing import NamedTuple

VERB_LIST = """
    accept activate adapt add allow answer append apply ask assert attach await begin bind block broadcast build cache
    calculate call can cancel catch change check choose clean clear clone close collect combine compare compile complete
    compute configure connect consolidate contain convert copy count create cut decide declare decline decode deduplicate
    define delete deliver deny describe deserialize detach detect determine disable discard dispatch display do download
    drain draw drive drop dump echo emit enable encode end ensure enter escape estimate eval evaluate exec execute exit
    expand explain export extend extract fail feed fetch fill filter find finish fit fix flatten flush follow force forget
    fork format forward gather generate get give go group grow guard guess handle has hash have hide hold ignore import
    increment index infer init initiate inject insert inspect install instantiate introduce invoke is iter iterate join keep
    kill launch learn lend let limit link list listen load lock log look lookup make map mark mask match maybe measure merge
    migrate mock move must name need normalise normalize note notify observe offer offload open parse pass patch pause peek
    perform persist pick play poll pop post prepare print process prompt prune publish pull push put quote raise read rebind
    rebuild recall receive record redact redirect reduce refresh refuse register reject release reload remember remove
    rename render repair repeat replace replay reply report request require reserve reset resolve restart restore resume
    retrieve retry return reverse revert rewrite round route run save say scan schedule score seal search select send
    serialize serve set settle setup shell shorten should show shut sign silence skip sleep snapshot solve sort spawn split
    spread start stop store stream strip submit subscribe substitute suggest sum summarise summarize supports switch sync
    take tell terminate test throw time to tokenize trace track train transform translate trim truncate try turn unbind undo
    uninstall unlink unlock unregister unwrap update upgrade use validate verify view visit visualize wait wake walk warn
    watch wrap write yield
"""
PARTICIPLE_LIST = "bound drawn found given heard held kept known left lent made meant said sent shown taken told"
PREPOSITION_LIST = "after among at before beside by for from in instead into of on under with within without"

VERBS = frozenset(VERB_LIST.split())
PREPOSITIONS = frozenset(PREPOSITION_LIST.split())
PARTICIPLES = frozenset(PARTICIPLE_LIST.split())
"""The irregular participles. A word that ends in "ed" and is no verb of the list counts as a participle, too."""

RELATIVES = ("What", "Who", "Whom", "Whose", "Where", "Whether", "How", "The same")
"""No docstring begins with these."""


class GivenUp(NamedTuple):
    """A word that does not occur in docstrings, comments and messages: a regular expression, and the word in use."""

    pattern: str
    instead: str


GIVEN_UP = {
    "told": GivenUp("told", "pass, receive, show"),
    "held": GivenUp("held(?! (?:while|by|until))", "run, keep"),
    "anew": GivenUp("anew", "again"),
    "front door": GivenUp("front doors?", "lazy imports"),
    "by the book": GivenUp("by the book", "built-in, not overridden"),
    "room": GivenUp("rooms?(?! for)", "module, package"),
    "colour": GivenUp("(?:either|each|both|one|another|other|caller's) colou?rs?", "sync or async"),
    "twin": GivenUp("twins?", "async version, counterpart"),
    "place": GivenUp("(?<!in )(?<!take )(?<!takes )(?<!took )(?<!taking )places?", "position, index"),
    "one that": GivenUp("ones? (?:that|which|who)", "the noun itself"),
    "of which": GivenUp("of which", "whose, or two sentences"),
    "is no": GivenUp("(?<!there )(?:is|are|was|were) no(?! longer| more)", "is not, must be"),
    "is none": GivenUp("(?<!there )(?:is|are|was|were) (?-i:none)", "is not a"),
    "carried out": GivenUp("carr(?:y|ies|ied|ying) out", "execute"),
    "taken up again": GivenUp("(?:take|takes|took|taken) up again", "resume"),
    "asked again": GivenUp("asked (?:again|once more|anew)", "retry"),
}
"""Words that the package has given up."""

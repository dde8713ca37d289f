"""update-perl-sax-parsers on modules in the tree."""

import pytest

from tests.commands.rooted import rooted
from tests.commands.world import run
from tools.sysimage.commands.world import World
from tools.sysimage.core.errors import ToolError

_EXPAT = (
    "sub supported_features {\n  my $self = shift;\n  return (\n    $self->SUPER::supported_features,\n"
    "    'http://xml.org/sax/features/external-general-entities',\n  );\n}\n"
)
_PARTS = "var/lib/libxml-sax-perl/ParserDetails.d"


def _made() -> World:
    return rooted(
        {
            "usr/share/perl5/XML/SAX/PurePerl.pm": "package XML::SAX::PurePerl;\n",
            "usr/lib/x86_64-linux-gnu/perl5/5.40/XML/SAX/Expat.pm": _EXPAT,
            "etc/perl/XML/SAX": None,
            "tmp": None,
            _PARTS: None,
        }
    )


def test_a_parser_of_xml_would_not_be_found() -> None:
    made = _made()
    script = (
        b"update-perl-sax-parsers --add XML::SAX::PurePerl --priority 10\n"
        b"update-perl-sax-parsers --quiet --add XML::SAX::Expat\nupdate-perl-sax-parsers --update\n"
    )
    status, output, _ = run(made, script)
    assert status == 0
    assert output.count(b"...\n") == 2
    pure = b"[XML::SAX::PurePerl]\nhttp://xml.org/sax/features/namespaces = 1\n\n\n"
    expat = (
        b"[XML::SAX::Expat]\nhttp://xml.org/sax/features/external-general-entities = 1\n"
        b"http://xml.org/sax/features/namespaces = 1\n\n\n"
    )
    assert made.root.tree[f"{_PARTS}/10-XML::SAX::PurePerl"].read() == pure
    assert made.root.tree[f"{_PARTS}/50-XML::SAX::Expat"].read() == expat
    assert made.root.tree["etc/perl/XML/SAX/ParserDetails.ini"].read() == pure + expat
    assert made.root.tree.children("tmp") == []


def test_a_parser_that_was_removed_would_stay() -> None:
    made = _made()
    script = (
        b"update-perl-sax-parsers --add XML::SAX::Expat; update-perl-sax-parsers --remove XML::SAX::Expat"
    )
    assert run(made, script)[0] == 0
    assert made.root.tree.children(_PARTS) == []


def test_a_module_that_is_not_there_would_have_features() -> None:
    with pytest.raises(ToolError, match="no module XML::No"):
        run(_made(), b"update-perl-sax-parsers --add XML::No")

"""Configuration that scripts make: ucf, locales, and what else comes from here-documents."""

import hashlib

import pytest

from tests.testing.debs import File, Folder
from tests.testing.roots import links, make
from tools.sysimage.core.errors import ToolError
from tools.sysimage.effects import files, locales, ucf


def test_ucf_copies_and_records_the_file_and_its_package() -> None:
    root = make({"usr/share/x.conf": File("x\n", 0o640)})
    ucf.ucf(root, "p", source="usr/share/x.conf", to="etc/x/x.conf")
    ucf.ucf(root, "p", source="usr/share/x.conf", to="etc/x/x.conf")
    assert (root.text("etc/x/x.conf"), root.tree["etc/x/x.conf"].mode) == ("x\n", 0o640)
    assert root.tree["var/lib/ucf/cache/:etc:x:x.conf"].mode == 0o640
    assert root.text("var/lib/ucf/hashfile") == f"{hashlib.md5(b'x\n').hexdigest()}  /etc/x/x.conf\n"
    assert root.text("var/lib/ucf/registry") == "p \t /etc/x/x.conf\n"


def test_section_of_dh_ucf_is_carried_out() -> None:
    root = make({"usr/share/x.conf": "x\n"})
    text = 'if x; then\n\tucf "/usr/share/x.conf" "/etc/x.conf"\n\tucfr q "/etc/x.conf"\nfi\n'
    ucf.ucf_calls(root, "p", text=text)
    assert root.text("etc/x.conf") == "x\n"
    assert root.text("var/lib/ucf/registry") == "q \t /etc/x.conf\n"


def test_all_locales_are_listed_and_none_is_wanted() -> None:
    root = make({"usr/share/i18n/SUPPORTED": "# a comment\nb_B UTF-8 \na_A ISO-8859-1\n"})
    text = "  cat > $LG << EOF\n# head\n#\n\nEOF\n"
    locales.locale_gen(root, "p", text=text)
    assert root.text("etc/locale.gen") == "# head\n\n\n# a_A ISO-8859-1\n# b_B UTF-8\n"
    root.write("etc/locale.gen", "mine")
    locales.locale_gen(root, "p", text=text)
    assert root.text("etc/locale.gen") == "mine"
    with pytest.raises(ToolError, match=r"the script writes no /etc/locale.gen"):
        locales.locale_gen(root, "p", text="")


@pytest.mark.parametrize(
    "text",
    [
        "cat > /etc/x <<EOF\none\n\nEOF\n",
        "  cat <<END > /etc/x\none\n\nEND\n",
        "cat > '/etc/x' <<-EOF\n\tone\n\n\tEOF\n",
        'cat > "$DPKG_ROOT/etc/x" <<"EOF"\none\n\nEOF\n',
        'cat > "$X" <<EOF\none\n\nEOF\n',
    ],
)
def test_here_document_is_found_however_it_is_written(text: str) -> None:
    root = make()
    files.heredoc(root, "p", path="etc/x", text=text, written="$X" if "$X" in text else "")
    assert root.text("etc/x") == "one\n\n"


def test_here_document_that_the_shell_expands_is_refused() -> None:
    for text in ("$HOME", "`date`", "a\\"):
        with pytest.raises(ToolError, match="the shell expands the here-document to /etc/x"):
            files.heredoc(make(), "p", path="etc/x", text=f"cat > /etc/x <<EOF\n{text}\nEOF\n")
    root = make()
    files.heredoc(root, "p", path="etc/x", text="cat > /etc/x <<'EOF'\n$HOME\nEOF\n")
    assert root.text("etc/x") == "$HOME\n"


def test_mode_and_owner_of_a_packages_file_are_set() -> None:
    root = make({"var/spool/x": Folder()})
    files.own(root, "p", path="var/spool/x", mode=0o1730, owner="root:mail")
    assert (root.tree["var/spool/x"].mode, root.tree["var/spool/x"].gid) == (0o1730, 8)
    files.own(root, "p", path="var/spool/x", mode=0o700)
    assert (root.tree["var/spool/x"].mode, root.tree["var/spool/x"].gid) == (0o700, 8)
    with pytest.raises(ToolError, match="p needs /var/y"):
        files.own(root, "p", path="var/y", mode=0o700)


def test_what_a_script_would_act_on_is_refused_unless_it_is_empty() -> None:
    root = make({"usr/share/empty": Folder(), "usr/share/schemas/x": ""})
    files.not_with(root, "p", path="usr/share/empty", why="x")
    files.not_with(root, "p", path="usr/share/none", why="x")
    with pytest.raises(ToolError, match="with /usr/share/schemas in the set x must be y"):
        files.not_with(root, "p", path="usr/share/schemas", why="x must be y")


def test_profile_has_a_place_for_the_administrators_part() -> None:
    root = make({"etc/apparmor.d/x": ""})
    files.apparmor_local(root, "p", names=["x", "y"])
    assert root.names("etc/apparmor.d/local") == ["x"]


def test_modules_of_nginx_are_linked_under_the_name_they_ask_for() -> None:
    root = make()
    files.nginx_modules(root, "p", names=["a.conf:50-a.conf"])
    assert links(root) == {"etc/nginx/modules-enabled/50-a.conf": "/usr/share/nginx/modules-available/a.conf"}


def test_folders_of_usr_local_have_the_default_or_the_named_owner() -> None:
    root = make()
    lines = "/usr/local/share/x default\n/usr/local/share/x/y 02775 root mail\n"
    files.usrlocal(root, "p", text=f") << DATA\n{lines}DATA\n")
    assert [
        (root.tree[f"usr/local/share/{p}"].mode, root.tree[f"usr/local/share/{p}"].gid) for p in ("x", "x/y")
    ] == [
        (0o755, 0),
        (0o2775, 8),
    ]

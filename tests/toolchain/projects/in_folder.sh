#!/bin/sh
# Builds a project in a folder of its own: in_folder.sh SOURCE OUTPUT MAKE CMAKE COMMAND...
# SOURCE is copied to source/; COMMAND is started in build/, with make and cmake in PATH, and makes build/hello, which
# is copied to OUTPUT. MAKE and CMAKE are the folders of locked programs, or -.
set -eu
source=$1 output=$2 make=$3 cmake=$4
shift 4
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir -p "$folder/build" "$folder/usr/bin" "$folder/usr/share"
cp -RL "$source" "$folder/source"

# The program PROGRAM of a locked program's folder as usr/bin/PROGRAM: its loader stands beside it, since cmake looks for
# its own files, and for itself, beside what /proc/self/exe is.
install_program() {
    [ "$2" != - ] || return 0
    cp -L "$2"/lib/ld-linux-* "$folder/usr/bin/$1.loader"
    cat > "$folder/usr/bin/$1" <<EOF
#!/bin/sh
exec "$folder/usr/bin/$1.loader" --library-path "$PWD/$2/lib" --argv0 "\$0" "$PWD/$2/bin/$1" "\$@"
EOF
    chmod +x "$folder/usr/bin/$1"
}

install_program make "$make"
install_program cmake "$cmake"
[ "$cmake" = - ] || ln -s "$PWD/$cmake/share" "$folder/usr/share/cmake-3.31"

if ! (cd "$folder/build" && PATH=$folder/usr/bin:$PATH && export PATH && "$@") > "$folder/log" 2>&1; then
    cat "$folder/log" >&2
    exit 1
fi
cp "$folder/build/hello" "$output"

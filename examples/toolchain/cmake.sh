#!/bin/sh
# cmake.sh CMAKE MAKE SOURCE OUTPUT: builds SOURCE's program `hello`. CMAKE and MAKE are the folders of locked programs,
# which start through their own loader.
set -eu
cmake=$PWD/$1 make=$PWD/$2 source=$PWD/$3 output=$PWD/$4
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir -p "$folder/usr/bin" "$folder/usr/share"
ln -s "$cmake"/share "$folder/usr/share/cmake-3.31"
# cmake looks for its own files beside the program that /proc/self/exe names, which is its loader.
for program in "$cmake/bin/cmake" "$make/bin/make"; do
    name=${program##*/}
    cp -L "${program%/bin/*}"/lib/ld-linux-* "$folder/usr/bin/$name.loader"
    printf '#!/bin/sh\nexec "%s" --library-path "%s" --argv0 "$0" "%s" "$@"\n' \
        "$folder/usr/bin/$name.loader" "${program%/bin/*}/lib" "$program" > "$folder/usr/bin/$name"
    chmod +x "$folder/usr/bin/$name"
done
PATH=$folder/usr/bin:$PATH
cp -RL "$source" "$folder/source"
cd "$folder"
{ cmake -S source -B build && cmake --build build; } > log 2>&1 || { cat log >&2; exit 1; }
cp build/hello "$output"

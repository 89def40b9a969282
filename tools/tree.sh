#!/usr/bin/env bash
# tree.sh TREE [TARGET...]: configures the build tree if its options are not those below, then builds
# the targets, or everything without one. --configure in place of targets builds nothing, but brings
# the tree up to date with the meson.build files.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

tree=$1
shift
compiler=gcc
directory=build-$tree
case $tree in
    release) directory=build options=(-Doptimization=2 -Ddebug=false -Db_lto=true) ;;
    debug) options=(--buildtype=debug) ;;
    asan) options=(-Doptimization=1 -Ddebug=true -Db_sanitize=address,undefined) ;;
    tsan)
        compiler=clang
        options=(-Doptimization=1 -Ddebug=true -Db_sanitize=thread -Db_lundef=false)
        ;;
    clang) compiler=clang options=(--buildtype=debug) ;;
    fuzz)
        compiler=clang
        options=(-Doptimization=1 -Ddebug=true -Db_sanitize=address,undefined
            -Db_lundef=false -Dfuzz=true)
        ;;
    *)
        echo "tree: there is no build tree '$tree': release debug asan tsan clang fuzz" >&2
        exit 2
        ;;
esac

[ "$compiler" = gcc ] || tools/setup.sh lint

# What the tree was configured with is kept beside it; a tree made in another way is made anew.
wanted="CC=$compiler ${options[*]}"
stamp=$directory/weir-tree.txt
if [ ! -f "$directory/build.ninja" ] || [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]; then
    rm -rf "$directory"
    CC=$compiler meson setup "$directory" "${options[@]}" >"/tmp/weir-tree-$$.log" 2>&1 || {
        cat "/tmp/weir-tree-$$.log" >&2
        rm -f "/tmp/weir-tree-$$.log"
        exit 1
    }
    rm -f "/tmp/weir-tree-$$.log"
    echo "$wanted" >"$stamp"
fi
[ "${1:-}" != --configure ] || exec ninja -C "$directory" --quiet build.ninja
exec ninja -C "$directory" "$@"

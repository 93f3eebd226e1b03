#!/bin/sh
# Writes the linker's version script of a shared library: public is what the list names (as c++filt writes it), private
# what other libraries of ours need, which must be of the same build; everything else is hidden.
#   export_map.sh OUT VERSION LIST FILE_OF_OBJECTS [FILE_OF_OBJECTS_THAT_NEED_IT]
set -eu
out=$1 version=$2 list=$3 objects=$4 users=${5:-}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
xargs nm --defined-only --extern-only --format=posix < "$objects" |
  cut -d' ' -f1 | grep '^_Z' | sort -u > "$scratch/defined"
c++filt < "$scratch/defined" | paste - "$scratch/defined" > "$scratch/names"
grep -v '^#' "$list" > "$scratch/wanted"
awk -F'\t' 'NR == FNR { wanted[$0]; next } $1 in wanted { print $2 }' \
  "$scratch/wanted" "$scratch/names" > "$scratch/public"
: > "$scratch/private"
if [ -n "$users" ]; then
  xargs nm --undefined-only --format=posix < "$users" | cut -d' ' -f1 | sort -u > "$scratch/needed"
  comm -12 "$scratch/needed" "$scratch/defined" | grep -vxF -f "$scratch/public" > "$scratch/private" || true
fi
{
  echo "COFFER_$version {"
  echo "  global:"
  sed 's/^/    /; s/$/;/' "$scratch/public"
  echo "  local: *;"
  echo "};"
  if [ -s "$scratch/private" ]; then
    echo "COFFER_PRIVATE_$version {"
    echo "  global:"
    sed 's/^/    /; s/$/;/' "$scratch/private"
    echo "};"
  fi
} > "$out"

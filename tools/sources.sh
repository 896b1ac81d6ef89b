# Which files of the tree are ours. Sourced, in the top folder of a checkout.
# shellcheck shell=bash

# Tracked and new files, without ignored ones; in a tree without git all files but out/.
tree_files() {
  if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
    git ls-files --cached --others --exclude-standard
  else
    find . -path ./out -prune -o -type f -printf '%P\n'
  fi | while IFS= read -r file; do [[ ! -f $file ]] || printf '%s\n' "$file"; done | sort -u
}

cxx_sources() { tree_files | grep -E '\.(cc|h|c)$' || true; }

shell_sources() {
  tree_files | while IFS= read -r file; do
    case $file in
      *.sh | dev | .ci/run) echo "$file" ;;
      *.*) ;;
      *) ! head -c 64 "$file" | head -n 1 | grep -aqE '^#!.*\b(ba|da)?sh\b' || echo "$file" ;;
    esac
  done
}

#!/bin/sh
# move-major-tag.sh vX.Y.Z: points the tag vX at the checked-out commit, unless a newer vX release exists. For the
# release workflow: needs gh with GH_TOKEN, and GITHUB_REPOSITORY.
set -eu
tag=$1
major=${tag%%.*}
repository=repos/$GITHUB_REPOSITORY

# not in the pipe: the shell would not see it fail
releases=$(gh api --paginate "$repository/git/matching-refs/tags/$major." --jq '.[].ref')
newest=$(printf '%s\n' "$releases" | sed -n 's#^refs/tags/\(v[0-9]*\.[0-9]*\.[0-9]*\)$#\1#p' | sort -V | tail -n 1)
if [ "$newest" != "$tag" ]; then
  echo "$major stays at $newest, which is newer than $tag"
  exit 0
fi

commit=$(git rev-parse HEAD)
current=$(gh api "$repository/git/matching-refs/tags/$major" --jq ".[] | select(.ref == \"refs/tags/$major\") | .ref")
if [ -n "$current" ]; then
  set -- --method PATCH "$repository/git/refs/tags/$major" --field force=true
else
  set -- --method POST "$repository/git/refs" --raw-field "ref=refs/tags/$major"
fi
if ! gh api "$@" --raw-field "sha=$commit" --silent; then
  # GitHub keeps a workflow's token from moving a tag to workflow files that no branch has at its tip
  echo "::error::The release is out, but the tag $major could not be moved. Remedy: git tag --force $major $tag^{}, git push --force origin $major"
  exit 1
fi
echo "$major is $tag, commit $commit"

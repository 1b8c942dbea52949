# sh install.sh others|ours DIGEST [REQUIREMENT…]: installs the wheels of that folder of the build's context, and
# compiles them so that two builds make the same bytes: by hashes, where times of files would differ.
set -eu
part=$1 context=$(dirname "$0")
shift 2
export PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1
set -- --find-links "$context/wheels/ours" --find-links "$context/wheels/others" "$@"
if [ "$part" = others ]; then set -- "$@" --no-deps --requirement "$context/wheels/others.txt"; fi
# pip runs from its wheel, so that an image has it only where its own wheels do.
python3 "$(ls "$context"/wheels/pip/pip-*.whl)/pip" --python /opt/llmwright/bin/python3 install -q \
    --prefix /opt/llmwright --no-index --no-compile --no-cache-dir --root-user-action ignore "$@"
# Only what this step installed: a layer must not hold again what lies in the one below.
packages=/opt/llmwright/lib/python3*/site-packages
if [ "$part" = ours ]; then packages="$packages/llmwright*"; fi
python3 -m compileall -qq -j 1 --invalidation-mode unchecked-hash $packages \
    || echo 'some files are templates, or for other releases of Python, and stay as they are'
rm -rf /tmp/pip-* /root/.cache

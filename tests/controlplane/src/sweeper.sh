# Removes the data folder $1 once nobody uses it any more. The caller and every server hold the write end of
# the pipe that is read here, so it ends when the last of them is gone, however that came about.
cat >/dev/null
rm -rf -- "$1"

# Runs the server "$@" until it ends, or until the caller that holds the write end of standard input lets go
# of it: on purpose, or because it died. Standard output is only passed on to the server, which thereby holds
# the sweeper's pipe.
pid_file=$1
shift
exec 3<&0 </dev/null

"$@" 3<&- &
server=$!
echo "$server" >"$pid_file"

{
    read -r _ <&3
    kill -KILL "$server"
} 2>/dev/null &
watcher=$!

wait "$server"
status=$?
kill "$watcher" 2>/dev/null
rm -f -- "$pid_file"
exit "$status"

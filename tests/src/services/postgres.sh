# Keeps one PostgreSQL cluster for the process that holds our standard input, and ends only that cluster.
# Arguments: folder of the programs, folder of the cluster. Answers each step with `ok` or `failed` on standard output.
bin=$1
dir=$2
cd "$dir" || exit 1
# An answer that nobody reads any more must not end us before the cluster.
trap '' PIPE
say() { if "$@" >>"$dir/steps.log" 2>&1 </dev/null; then echo ok; else echo failed; fi; }
start() {
    # No port is opened: the socket lies in a folder that only we can enter.
    "$bin/pg_ctl" -D "$dir/data" -l "$dir/server.log" -w -t 60 start \
        -o "-c listen_addresses= -c unix_socket_directories=$dir -c fsync=on -c max_connections=60" \
        && pid=$(head -n 1 "$dir/data/postmaster.pid")
}
stop() { "$bin/pg_ctl" -D "$dir/data" -m immediate -w -t 30 stop; }
say "$bin/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 --locale=C --no-sync
while read -r step; do
    case $step in
        start) say start ;;
        stop) say stop ;;
    esac
done
# Our process ended, in whatever way.
if [ -f "$dir/data/postmaster.pid" ]; then
    stop >/dev/null 2>&1 || kill -KILL "$pid"
fi
rm -rf "$dir/data" "$dir"/*.log "$dir"/.s.PGSQL.*
rmdir "$dir" 2>/dev/null

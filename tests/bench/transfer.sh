# transfer.sh PORT put TARGET FILE
# transfer.sh PORT get TARGET
#
# An object to or from an edge by `cat`, whose rate over a file it is held against: a client that does
# more would be measured with the server. What is got goes to standard output, its head before it.
set -euo pipefail
exec 3<>"/dev/tcp/127.0.0.1/$1"
head="$3 HTTP/1.1\r\nHost: 127.0.0.1:$1\r\nConnection: close\r\n"
if [ "$2" = get ]; then
    printf "GET ${head//%/%%}\r\n" >&3
    exec cat <&3
fi
printf "PUT ${head//%/%%}Content-Length: %s\r\n\r\n" "$(stat -c %s "$4")" >&3
cat "$4" >&3
read -r status <&3
[[ $status == *" 200 "* ]] || { echo "PUT is answered $status" >&2; exit 1; }

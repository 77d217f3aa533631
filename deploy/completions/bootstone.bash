# Completions of bootstone for bash. Written by the tests of src/cli/reference.

_bootstone_words() {
    mapfile -t COMPREPLY < <(compgen -W "$1" -- "$current")
}

_bootstone() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
    local command= word
    # bash splits --option=value at the sign.
    if [[ $current == = ]]; then
        current=
    elif [[ $previous == = ]]; then
        previous=${COMP_WORDS[COMP_CWORD-2]}
    fi
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        case $word in
        serve|get|verify|list|dhcp|health|help|version) command=$word; break ;;
        -*) command=serve; break ;;
        esac
    done
    COMPREPLY=()
    case $command,$previous in
    serve,--listen) return ;;
    serve,--mtu) return ;;
    serve,--max-windowsize) return ;;
    serve,--pipeline) return ;;
    serve,--max-sessions) return ;;
    serve,--workers) return ;;
    serve,--http) return ;;
    serve,--trust) return ;;
    serve,--region) return ;;
    serve,--log-format) _bootstone_words "text json"; return ;;
    serve,--drain-timeout) return ;;
    serve,--min-drain) return ;;
    serve,--user) return ;;
    get,-o|get,--output) mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
    get,--blksize) return ;;
    get,--windowsize) return ;;
    get,--timeout) return ;;
    get,--max-time) return ;;
    get,--max-size) return ;;
    verify,--sums) mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
    verify,--key) mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
    verify,--format) _bootstone_words "table json"; return ;;
    verify,--wait) return ;;
    verify,--timeout) return ;;
    verify,--max-time) return ;;
    verify,--jobs) return ;;
    verify,--max-size) return ;;
    verify,--as) _bootstone_words "edk2 ipxe grub pxelinux uboot shim strict all"; return ;;
    verify,--file) return ;;
    list,--format) _bootstone_words "table json sha256sum cyclonedx"; return ;;
    dhcp,--format) _bootstone_words "dnsmasq dnsmasq-proxy kea isc-dhcp openwrt"; return ;;
    dhcp,--server) return ;;
    dhcp,--script) return ;;
    dhcp,--http) return ;;
    health,--timeout) return ;;
    esac
    case $command in
    help) _bootstone_words "serve get verify list dhcp health help version" ;;
    serve) _bootstone_words "-h --help --listen --mtu --max-windowsize --pipeline --max-sessions --workers --http --trust --region --log-format --no-boot-log --drain-timeout --min-drain --user --no-sandbox --print-config" ;;
    '') _bootstone_words "serve get verify list dhcp health help version -V --version -h --help --listen --mtu --max-windowsize --pipeline --max-sessions --workers --http --trust --region --log-format --no-boot-log --drain-timeout --min-drain --user --no-sandbox --print-config" ;;
    get) _bootstone_words "-h --help -o --output --blksize --windowsize --timeout --max-time --max-size" ;;
    verify) _bootstone_words "-h --help --sums --ignore-missing --ignore-extra --key --format --all-addresses --wait --timeout --max-time --jobs --max-size --as --file" ;;
    list) _bootstone_words "-h --help --format --check" ;;
    dhcp) _bootstone_words "-h --help --format --server --script --http --secure-boot" ;;
    health) _bootstone_words "-h --help --timeout" ;;
    esac
}

complete -F _bootstone bootstone

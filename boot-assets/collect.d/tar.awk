# Reads the headers of the tar archive $tar, which has $size bytes, and prints a line of the
# source's tree for each member (sources.sh). Takes at most $most members. Prints to standard error
# why it refuses an archive.

function fail(why) {
    print why >"/dev/stderr"
    failed = 1
    exit 1
}

# Reads bytes into b[0], b[1], ...
function load(offset, count,    command, line, parts, n, i, k) {
    command = "od -A n -v -t u1 -j " offset " -N " count " \"$tar\""
    k = 0
    while ((command | getline line) > 0) {
        n = split(line, parts, " ")
        for (i = 1; i <= n; i++) b[k++] = parts[i] + 0
    }
    close(command)
    if (k != count) fail("it is truncated")
}

# The text in some bytes, up to the first NUL. A byte beyond ASCII is written as \xNN:
# such a name is never taken, because of its backslash.
function text(offset, count,    i, out) {
    out = ""
    for (i = offset; i < offset + count && b[i] != 0; i++) {
        if (b[i] < 32 || b[i] == 127) fail("a name has a control character in it")
        out = out (b[i] < 127 ? sprintf("%c", b[i]) : sprintf("\\x%02x", b[i]))
    }
    return out
}

function damaged() { fail("a header is damaged, or it is no tar archive") }

function octal(offset, count,    i, out) {
    if (b[offset] >= 128) fail("a member is larger than 8 GB")
    out = 0
    for (i = offset; i < offset + count; i++)
        if (b[i] >= 48 && b[i] < 56) out = out * 8 + b[i] - 48
        else if (b[i] != 32 && b[i] != 0) damaged()
    return out
}

function check_header(    i, sum) {
    sum = 0
    for (i = 0; i < 512; i++) sum += i >= 148 && i < 156 ? 32 : b[i]
    if (sum != octal(148, 8)) damaged()
}

# Records of LENGTH KEY=VALUE, each with a line end.
function read_pax(offset, count, global,    i, end, length_, key) {
    load(offset, count)
    for (i = 0; i < count; i = end) {
        length_ = 0
        for (end = i; end < count && b[end] >= 48 && b[end] < 58; end++)
            length_ = length_ * 10 + b[end] - 48
        key = ""
        for (end++; end < count && b[end] != 61; end++) key = key sprintf("%c", b[end])
        if (length_ <= end - i + 1 || i + length_ > count || b[i + length_ - 1] != 10)
            fail("an extended header is damaged")
        if (key ~ /^GNU\.sparse/) fail("it has a sparse file")
        if (key == "path" || key == "linkpath" || key == "size") {
            if (global) fail("an extended header gives one name or size to all members")
            pax[key] = text(end + 1, i + length_ - 1 - end - 1)
        }
        end = i + length_
    }
}

# A name without . and empty parts; not one that leads out.
function clean(name,    parts, n, i, out) {
    if (name ~ /^\//) fail("an absolute name: " name)
    n = split(name, parts, "/")
    out = ""
    for (i = 1; i <= n; i++) {
        if (parts[i] == "..") fail("a name that leads out: " name)
        if (parts[i] != "" && parts[i] != ".") out = out (out == "" ? "" : "/") parts[i]
    }
    return out
}

# In the members that follow the name of a type, what is set in `pax` holds for the next.
function member(type, name, link, offset, count) {
    if (type == "0" && name ~ /\/$/) type = "5"
    if (type != "0" && count > 0) fail("a link or a directory with content: " name)
    if (type !~ /^[0-6]$/)
        fail("a member of a kind that is not known here (" b[156] "): " name)
    if (type == "3" || type == "4") fail("a device: " name)
    if (type == "6") fail("a FIFO: " name)
    name = clean(name)
    if (type == "0" && name == "") fail("a file without a name")
    if (name == "") return
    if (type == "0") print "f\t" name "\t" offset " " count
    if (type == "1") print "h\t" name "\t" clean(link)
    if (type == "2") print "l\t" name "\t" link
    if (type == "5") print "d\t" name "\t-"
}

function number(digits) {
    if (digits !~ /^[0-9]+$/ || length(digits) > 12) fail("an extended header is damaged")
    return digits + 0
}

BEGIN {
    size = ENVIRON["size"] + 0
    for (at = 0; ; at += 512 * int((count + 511) / 512)) {
        if (at + 512 > size) fail("it is truncated")
        load(at, 512)
        if (b[0] == 0 && b[148] == 0 && b[156] == 0) break
        if (++members > ENVIRON["most"])
            fail("it has more than " ENVIRON["most"] " members")
        check_header()
        type = b[156] == 0 || b[156] == 55 ? "0" : sprintf("%c", b[156])
        name = text(0, 100)
        link = text(157, 100)
        if (text(257, 6) == "ustar" && b[345] != 0) name = text(345, 155) "/" name
        count = octal(124, 12)
        at += 512
        if ("size" in pax && type ~ /[0-7]/) count = number(pax["size"])
        if (at + count > size) fail("it is truncated, or a size in it is wrong: " name)
        if (type ~ /[xgLK]/) {
            if (count > 65536) fail("an extended header is too long")
            if (type == "L" || type == "K") {
                load(at, count)
                pax[type == "L" ? "path" : "linkpath"] = text(0, count)
            } else read_pax(at, count, type == "g")
            continue
        }
        if ("path" in pax) name = pax["path"]
        if ("linkpath" in pax) link = pax["linkpath"]
        member(type, name, link, at, count)
        split("", pax)
    }
}
END { exit failed }

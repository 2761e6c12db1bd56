# packet.awk fails where what gpg lists of a file is other than one signature packet that
# has as many bytes as the variable size says; with counting, also where that is no
# signature that may count: over binary data, by a digest that cannot be forged, and with
# no critical words.
/^# off=/ { gsub(/=/, " "); whole = $3 == 0 && $9 + $11 == size && !/partial|indeterminate/ }
/^:/ { packets++; signature = /^:signature packet: / }
/^\tversion / { binary = /sigclass 0x00$/ }
/^\tdigest algo / { strong = $3 + 0 > 3 }
/^\tcritical hashed subpkt 20 / { critical = 1 }
END { exit !(whole && signature && packets == 1) || counting && (!binary || !strong || critical) }

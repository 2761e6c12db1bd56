# selfsigned.awk reads what gpg --list-packets says of keys. It fails where the key that made
# a signature had not signed itself by the time t, or its primary key not it: gpg believes
# what a key says of itself later. k is what gpg says of the signature behind VALIDSIG.
NR == 1 { parts = split(k, part, " "); maker = substr(part[1], length(part[1]) - 15); owner = substr(part[parts], length(part[parts]) - 15) }
/^:public key packet/ { primary = "" }
/^\tkeyid: / { key = $2; if (primary == "") primary = key }
/^:signature packet/ { by = $NF }
/^\tversion .* sigclass / && by == owner && primary == owner && $4 + 0 <= t + 0 {
	if ($NF ~ /^0x(1[0-3]|1[fF])$/ && key == primary) itself = 1;
	if ($NF == "0x18" && key == maker) bound = 1 }
END { exit !(itself && (maker == owner || bound)) }

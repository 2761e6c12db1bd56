# token.awk fails where a token of RFC 3161 is not in the form of docs/spec/timestamp.md,
# as far as openssl tells. It reads what openssl says of the token, and what it parses of
# the file and of the TSTInfo in it, which have as many bytes as the variable size says.
function bad(why) { print why; failed = 1 }
function number(hex, i, n) { for (i = 3; i <= length(hex); i++) n = 16 * n + index("0123456789ABCDEF", substr(hex, i, 1)) - 1; return n }
function part(text, least, most) { return text == "unspecified" || text ~ /^0x[0-9A-F]+$/ && number(text) >= least && number(text) <= most }
function moment(t, y, m, d) {
	if (t !~ /^:[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-5][0-9][0-5][0-9](\.[0-9]*[1-9])?Z$/ || length(t) > 26) return 0;
	y = substr(t, 2, 4) + 0; m = substr(t, 6, 2) + 0; d = substr(t, 8, 2) + 0;
	return y >= 1970 && m >= 1 && m <= 12 && d >= 1 && d <= (m == 2 ? 28 + (y % 4 == 0 && (y % 100 || y % 400 == 0)) : 30 + (m + (m > 7)) % 2) && substr(t, 10, 2) + 0 < 24 }

reading == "said" && /^Accuracy: / && NF > 2 { if (!part($2, 0, 31622399) || !part($4, 1, 999) || !part($6, 1, 999)) bad("its accuracy is none") }
reading == "said" { next }
{ gsub(/= +/, "="); split($1, at, /[:=]/); depth = at[3]; head = substr($2, 4) + 0; bytes = substr($3, 3) + 0; type = $5 " " $6 " " $7;
	if ($3 == "l=inf" || head != 2 + (bytes > 127) + (bytes > 255)) bad("a length is not in DER");
	if (depth == 0 && (at[1] != 0 || head + bytes != size)) bad("there are bytes behind it") }
reading == "token" && depth == 4 { set = $5 == "SET"; signers = 0; if (type ~ /^cont \[ 1/) bad("it has revocation lists") }
reading == "token" && depth == 5 && set { signers++ }
reading == "token" && depth == 6 && set && type ~ /^cont \[ 1/ { bad("it has attributes that nobody signed") }
reading == "stamped" && depth == 1 {
	if (!place++ && type !~ /^INTEGER :01/) bad("its version is not 1");
	if ($5 == "INTEGER" && bytes > 126) bad("a number in it is too large");
	if ($5 == "GENERALIZEDTIME" && !(timed = moment($6))) bad("its time is none") }
END { if (signers != 1) bad("it has other than one signer"); if (!timed) bad("it has no time"); exit failed }

# forms.awk reads a table of forms, and then what flatten.awk printed of a receipt. It
# prints what keeps no rule of docs/spec/receipt.md, and fails then. Below, p is a path in
# the receipt, n the same with [] for every number, and v a value as JSON spells it.
function bad(p, why) { print p, why; failed = 1 }
function form(p, n) { n = p; gsub(/\[[0-9]+\]/, "[]", n); return n }
function above(p) { sub(/(\[[0-9]*\]|\.[A-Za-z0-9_]+)$/, "", p); return p }

# What a string says. What is spelled \b, \f, \r or \u is a control character, and stays one.
function text(v) {
	v = substr(v, 2, length(v) - 2); gsub(/\\\\/, "\001", v); gsub(/\\"/, "\"", v); gsub(/\\n/, "\n", v); gsub(/\\t/, "\t", v);
	gsub(/\\/, "\002", v); gsub(/\001/, "\\\\", v); return v }
function prose(s, least, most) { return length(s) >= least && length(s) <= most && s !~ /[\001-\010\013-\037\177]|\302[\200-\237]|\342\200[\250\251]/ }
function inline(s, least, most) { return prose(s, least, most) && s !~ /[\t\n]|\342\200[\216\217\252-\256]|\342\201[\246-\251]|\330\234/ }
function name(s, most, i, parts, part) {
	if (!inline(s, 1, most) || s ~ /^-|\\/ || s ~ ("^" white) || s ~ (white "$")) return 0;
	parts = split(s, part, "/");
	for (i = 1; i <= parts; i++) if (part[i] == "" || part[i] == "." || part[i] == "..") return 0;
	return 1 }
function base(s) { return inline(s, 1, 255) && s != "." && s != ".." && s !~ /[\/\\]/ }
function hex(s, size) { return length(s) == size && s !~ /[^0-9a-f]/ }
function digest(s) { return hex(s, 64) && s ~ /[^0]/ }
function object(s) { return s ~ /^sha1:/ && hex(substr(s, 6), 40) || s ~ /^sha256:/ && hex(substr(s, 8), 64) }
function base64(s) { return length(s) % 4 == 0 && s ~ /^[A-Za-z0-9+\/]+([AQgw]==|[AEIMQUYcgkosw048]=)?$/ }
function moment(s, y, m, d) {
	if (s !~ /^[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-5][0-9]:[0-5][0-9]Z$/) return 0;
	y = substr(s, 1, 4) + 0; m = substr(s, 6, 2) + 0; d = substr(s, 9, 2) + 0;
	return y >= 1970 && m >= 1 && m <= 12 && d >= 1 && d <= (m == 2 ? 28 + (y % 4 == 0 && (y % 100 || y % 400 == 0)) : 30 + (m + (m > 7)) % 2) && substr(s, 12, 2) + 0 < 24 }
function refname(s, i, parts, part) {
	if (s !~ /^refs\// || !inline(s, 1, 1024) || s ~ /\.\.|@[{]|[ ~^:?*\[\\]|\.$/) return 0;
	parts = split(s, part, "/");
	for (i = 1; i <= parts; i++) if (part[i] == "" || part[i] ~ /^\.|\.lock$/) return 0;
	return 1 }
function address(s, prefix, size) { return index(s, prefix ":0x") == 1 && length(s) == length(prefix) + 3 + size && substr(s, length(prefix) + 4) !~ /[^0-9a-fA-F]/ }
function chain(s, parts, part) {
	parts = split(s, part, "/");
	if (part[1] ~ /^eip155:[1-9][0-9]*$/ && length(part[1]) <= 39)
		return parts == 2 && address(part[2], "tx", 64) || parts == 3 && address(part[2], "safe", 40) && address(part[3], "tx", 64);
	return part[1] ~ /^snapshot:[a-z0-9][a-z0-9._-]*$/ && length(part[1]) <= 109 && parts == 3 && part[2] == "proposal" && part[3] ~ /^[A-Za-z0-9]+$/ && length(part[3]) <= 100 }
function publickey(s, type) { return type == "\"ssh\"" ? length(s) <= 16384 && s ~ /^[a-z0-9@.-]+ [A-Za-z0-9+\/]+=?=?$/ && index(s, " ") <= 65 : base64(s) }
function fingerprint(s) { return (length(s) == 40 || length(s) == 64) && s !~ /[^0-9A-F]/ || length(s) == 50 && s ~ /^SHA256:[A-Za-z0-9+\/]*[AEIMQUYcgkosw048]$/ }
function fits(v, f, a, b, s) {
	if (f == "number") return v ~ /^-?[0-9]+$/ && v + 0 >= a + 0 && v + 0 <= b + 0;
	if (f == "flag") return v == "true" || v == "false";
	if (f == "set") return v == "true";
	if (v !~ /^"/) return 0;
	s = text(v);
	if (f == "text") return prose(s, a, b);
	if (f == "line") return inline(s, a, b);
	if (f == "name") return name(s, a);
	if (f == "one") return index(" " a " ", " " s " ") && s !~ / / && s != "";
	if (f == "digest") return digest(s);
	if (f == "pin") return hex(s, 64);
	if (f == "hex") return hex(s, a);
	if (f == "object") return object(s);
	if (f == "time") return moment(s);
	if (f == "word") return length(s) <= 63 && s ~ /^[a-z][a-z0-9._-]*$/;
	if (f == "kind") return length(s) <= 32 && s ~ /^[a-z][a-z0-9_]*$/;
	if (f == "base64") return base64(s);
	if (f == "base") return base(s);
	if (f == "subject") return base(s) || inline(s, 1, 1024) && s ~ /^[a-z][a-z0-9+.-]*:[^ \\]+$/;
	if (f == "media") return length(s) <= 255 && s ~ /^[a-z0-9][a-z0-9!#$&^_.+-]*\/[a-z0-9][a-z0-9!#$&^_.+-]*(; [a-z0-9-]+=[A-Za-z0-9._-]+)*$/;
	if (f == "ref") return refname(s);
	if (f == "chain") return chain(s);
	if (f == "fingerprint") return fingerprint(s);
	if (f == "oid") return s ~ /^[0-2](\.(0|[1-9][0-9]*))+$/ && split(s, parts_of, ".") <= 21;
	if (f == "schema") return s ~ /^vaultmesh\.receipt\/v[1-9][0-9]*$/ && length(s) <= 26;
	return f == "key" }

# What stands at p was seen, and so was what it stands in.
function see(p) {
	for (; !(p in seen); p = above(p)) {
		seen[p] = 1; if (p == "") return;
		if (p ~ /\]$/) count[above(p)]++ } }
function member(m, rest, key, v) {
	rest = substr($0, length(m) + 2);
	if (!match(rest, /^("([^"\\]|\\.)*"|[A-Za-z0-9_]+) /)) { bad(m, "is no map"); return }
	key = substr(rest, 1, RLENGTH - 1); v = substr(rest, RLENGTH + 1); see(m); count[m]++;
	gsub(/^"|"$/, "", key);
	if (key !~ /^[A-Za-z0-9][A-Za-z0-9._\/-]*$/ || length(key) > 63 || !fits(v, "line", 0, 1024)) bad(m, "has a member that breaks its rule") }

# Whether a list has the elements i - 1 and i in the order of the fields that it is sorted by.
function sorted(p, i, fields, j, parts, part, one, two) {
	parts = split(fields, part, ",");
	for (j = 1; j <= parts; j++) {
		one = "x" text(value[p "[" (i - 1) "]" part[j]]); two = "x" text(value[p "[" i "]" part[j]]);
		if (one != two) return one < two }
	return 0 }
function list(p, least, most, fields, i) {
	if (count[p] + 0 < least || most && count[p] > most) bad(p, "has as many as it must not have");
	for (i = 1; fields != "" && i < count[p]; i++) if (!sorted(p, i, fields)) { bad(p, "is not sorted"); return } }

# What a rule says of two fields of one object.
function together(p, f, o) {
	o = above(p);
	if (f == "key") { if (!publickey(text(value[p]), value[o ".type"]) || used[value[o ".type"], value[p]]++) bad(p, "is no key, or another has it") }
	if (p ~ /\.ended_at$/ && (o ".started_at") in value && value[p] < value[o ".started_at"]) bad(p, "is before the beginning");
	if (p ~ /\.totals\.total$/ && value[o ".passed"] + value[o ".failed"] + value[o ".skipped"] != value[p] + 0) bad(p, "is not the sum");
	if (p ~ /covenant\.version$/ && (value[p] == 1) == ((o ".previous") in value)) bad(p, "does not go with its previous") }

BEGIN { white = "( |\302\240|\341\232\200|\342\200[\200-\212\257]|\342\201\237|\343\200\200)" }
reading == "forms" {
	forms[$1] = $3; must[$1] = $2 == "!"; first[$1] = $4; second[$1] = $5; third[$1] = $6; members[above($1)] = members[above($1)] " " $1;
	if ($3 == "map") maps[$1]; if ($3 == "one") { first[$1] = $0; sub(/^[^ ]* [^ ]* [^ ]* /, "", first[$1]) } next }
{ for (m in maps) if (index($0, m ".") == 1) { member(m); next }
	p = $1; v = substr($0, length(p) + 2); n = form(p); f = forms[n];
	if (f == "" && later) next;
	if (f == "") { bad(p, "is no field of it"); next }
	value[p] = v; see(p);
	if (f == "list" && v == "[]" || f == "map" && v == "{}") next;
	if (f == "list" || f == "map" || f == "members" || !fits(v, f, first[n], second[n])) bad(p, "breaks its rule") }
END {
	see("");
	for (p in seen) {
		n = form(p); parts = split(members[n], part, " ");
		for (i = 1; i <= parts; i++) if (must[part[i]] && !((p substr(part[i], length(n) + 1)) in seen)) bad(p, "lacks " part[i]);
		if (forms[n] == "list") list(p, first[n], second[n], third[n]);
		if (forms[n] == "map" && (count[p] + 0 < first[n] || count[p] > 64)) bad(p, "has as many as it must not have");
		if (p in value) together(p, forms[n]) }
	exit failed }

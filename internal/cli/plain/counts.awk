# counts.awk tells whether those in the file that it reads last are as many as a covenant
# asks for of a receipt: of its thresholds people, p and their place in the covenant, and
# of its rules the authorities of time-stamps, a and their place. It reads before, as
# flatten.awk printed them, the receipt, the covenant, and where the authorities have
# their names; and which people have a secret in common.
function inner(v) { return substr(v, 2, length(v) - 2) }
function glob(pattern, s, parts, part, i, found) {
	parts = split(pattern, part, "*");
	if (parts < 2) return pattern == s;
	if (substr(s, 1, length(part[1])) != part[1]) return 0;
	s = substr(s, length(part[1]) + 1);
	for (i = 2; i < parts; i++) {
		if (part[i] == "") continue;
		found = index(s, part[i]); if (!found) return 0;
		s = substr(s, found + length(part[i])) }
	return length(s) >= length(part[parts]) && substr(s, length(s) - length(part[parts]) + 1) == part[parts] }

# A list limits what a threshold or a rule is about, unless it is empty.
function limit(about, met) { limits[about]; if (met) within[about] }
function concerns(about) { return !((about " kinds") in limits && !((about " kinds") in within) || (about " components") in limits && !((about " components") in within)) }

{ value = substr($0, length($1) + 2); split($1, at, /[][]/); which = at[1] at[2] }
reading == "receipt" && $1 == ".kind" { kind = value }
reading == "receipt" && $1 == ".component" { component = inner(value) }
reading == "covenant" && at[1] == ".principals" && at[3] == ".groups" { groups["p" at[2], value] }
reading == "covenant" && at[1] == ".thresholds" && at[4] != "" {
	if (at[3] == ".kinds") limit(which " kinds", value == kind);
	if (at[3] == ".components") limit(which " components", glob(inner(value), component));
	if (at[5] == ".group") group[which, at[4]] = value;
	if (at[5] == ".count") count[which, at[4]] = value }
reading == "covenant" && at[1] == ".tsas" { authorities = 1 }
reading == "covenant" && at[1] == ".rules" && at[4] != "" {
	if (at[3] == ".components") limit(which " components", glob(inner(value), component));
	if (at[3] == ".require.receipts") { asks[which]; if (value == kind) meant[which] }
	if (at[3] == ".require.authorities") { choosy[which]; chosen[which, value] } }
reading == "covenant" && at[1] == ".rules" && at[3] == ".require.timestamps" { stamps[which] = value }
reading == "names" && at[1] == ".tsas" && at[3] == ".name" { names["a" at[2]] = value }
reading == "people" || reading == "rails" { there[$1] }

# Principals who have one secret are one person.
function person(p) { while (p in same) p = same[p]; return p }
reading == "one" && person($1) != person($2) { same[person($1)] = person($2) }

function lacks(many, least) { if (many + 0 < least + 0) failed = 1 }
function signers(one, key, p, n, counted) {
	for (one in count) {
		split(one, key, SUBSEP); if (!concerns(key[1])) continue;
		any = 1; n = 0; split("", counted);
		for (p in there) if (!(one in group) || (p, group[one]) in groups) n += !counted[person(p)]++;
		lacks(n, count[one]) }
	if (!any) { for (p in there) any = 1; lacks(any, 1) } }
function stamped(rule, a, n) {
	for (a in there) n++;
	lacks(n, authorities);
	for (rule in stamps) if (rule in meant && concerns(rule)) {
		n = 0;
		for (a in there) n += !(rule in choosy) || (rule, names[a]) in chosen;
		lacks(n, stamps[rule]) } }
END { if (reading == "people") signers(); else stamped(); exit failed }

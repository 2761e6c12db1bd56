# flatten.awk reads one JSON object in canonical form (docs/spec/canonical.md), fails where
# the bytes are anything else, and prints a line for each value in it: where it stands and
# what it is, such as .subjects[0].name "api.tar.gz". Names other than words are in quotes,
# so that nobody's name looks like two.
function bad() { failed = 1; exit 1 }
function str(t, u) { if (!match(s, string)) bad(); t = substr(s, 1, RLENGTH); s = substr(s, RLENGTH + 1); u = t; gsub(/\\\\/, "", u); if (u ~ /\\u00(00|08|09|0a|0c|0d)/) bad(); return t }
function eat(c) { if (substr(s, 1, 1) != c) return 0; s = substr(s, 2); return 1 }
function object(d, at, n, k, p) { if (eat("}")) { print at, "{}"; return } do { k = str(); if (n++ && p >= k) bad(); p = k; if (!eat(":")) bad(); value(d, at "." (k ~ /^"[A-Za-z0-9_]+"$/ ? substr(k, 2, length(k) - 2) : k)) } while (eat(",")); if (!eat("}")) bad() }
function array(d, at, n) { if (eat("]")) { print at, "[]"; return } do value(d, at "[" (n++ + 0) "]"); while (eat(",")); if (!eat("]")) bad() }
function value(d, at, t) { if (eat("{")) { if (d > 31) bad(); object(d + 1, at) } else if (eat("[")) { if (d > 31) bad(); array(d + 1, at) } else if (substr(s, 1, 1) == "\"") print at, str(); 
    else { if (!match(s, /^(0|-?[1-9][0-9]*|true|false|null)/)) bad(); t = substr(s, 1, RLENGTH); s = substr(s, RLENGTH + 1); print at, t; sub(/^-/, "", t); if (t ~ /^[0-9]/ && (length(t) > 16 || length(t) == 16 && "x" t > "x9007199254740991")) bad() } }
BEGIN { c = "[\200-\277]"; string = "^\"([ !#-[]|]|\\^|[_-\177]|[\302-\337]" c "|\340[\240-\277]" c "|[\341-\354\356\357]" c c "|\355[\200-\237]" c "|\360[\220-\277]" c c "|[\361-\363]" c c c "|\364[\200-\217]" c c "|\\\\[\"\\\\bfnrt]|\\\\u00[01][0-9a-f])*\"" }
NR > 1 { bad() }
{ s = $0; if (s !~ /^[{]/ || s ~ /\357\267[\220-\257]|\357\277[\276\277]|[\360-\364][\217\237\257\277]\277[\276\277]/) bad(); value(0, ""); if (s != "") bad() }
END { exit failed || NR != 1 }

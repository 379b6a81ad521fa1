#!/bin/sh
# Tests the tests: benches/teeth.sh [BUG...]
#
# Builds once with the feature `teeth` (`src/base/teeth.rs`), then runs the tests named below without a bug, when they
# must pass, and with each bug, when they must fail. The table goes to standard output (docs/truths/teeth.md has one); the
# exit code is 1 when the test beside a bug does not catch it, 2 when a test fails without a bug.
set -eu
cd "$(dirname "$0")/.."

# bug, binary, test: the cheapest that should notice.
bites="
dropped_jacobian   suite  every_section_does_what_it_says
scale_as_variance  lib    dist::tests::univariate_tables
ignored_observe    suite  every_section_does_what_it_says
shared_address     suite  every_section_does_what_it_says
plate_off_by_one   suite  every_section_does_what_it_says
wrong_tail         lib    dist::tests::combinators::truncated_transport_follows_the_truncated_law
lost_constant      lib    dist::tests::univariate_tables
lost_increment     suite  every_section_does_what_it_says
lost_reference     lib    infer::diffusion::laws::weights_are_unbiased_at_any_network_and_any_shares
no_reject          lib    infer::rwmh::tests::known_posteriors_are_met_within_the_stated_errors
no_resampling      lib    infer::importance::tests::picked_rows_are_those_that_were_weighted
wrong_adjoint      lib    session::gradients::functions_of_numbers
"
log=$(mktemp -d)
: > "$log/sound"
trap 'rm -r "$log"' EXIT

cargo test --release --features teeth --no-run --lib --test suite 2> "$log/build" || {
    cat "$log/build" >&2
    exit 2
}

# The test binary of a target of src/ or tests/.
binary() {
    case $1 in
        lib) source='unittests src/lib.rs' ;;
        *) source="tests/$1.rs" ;;
    esac
    sed -n "s|.*Executable.* $source (\(.*\))|\1|p" "$log/build"
}

# Runs one test with a bug or none: passed, failed or neither (no such test, no end within ten minutes, no such bug).
try() {
    bug=$1 code=0
    ODP_BUG=$bug timeout 600 "$(binary "$2")" --exact "$3" > "$log/out" 2>&1 || code=$?
    if [ $code = 0 ] && grep -q '^test result: ok. 1 passed' "$log/out"; then
        echo passed
    elif [ $code = 101 ] && grep -q '^test result: FAILED. 0 passed; 1 failed' "$log/out" && ! grep -q 'no bug is called' "$log/out"; then
        echo failed
    else
        echo neither
    fi
}

# Ends everything unless a test passes without a bug; each test is asked once.
sound() {
    grep -qx "$1 $2" "$log/sound" && return
    if [ "$(try "" "$1" "$2")" != passed ]; then
        echo "$1 $2 does not pass without a bug:" >&2
        cat "$log/out" >&2
        exit 2
    fi
    echo "$1 $2" >> "$log/sound"
}

# The first thing that a failed test said, short enough for a table.
said() {
    awk '/ panicked at /{ getline; if ($0 ~ /sections:$/) getline; print; exit }' "$log/out" | tr '|' '/' | cut -c 1-100
}

missed=0 caught=0
echo "| bug | caught by | it says |"
echo "|---|---|---|"
while read -r bug target test; do
    [ -n "$bug" ] || continue
    case " ${*:-$bug} " in
        *" $bug "*) ;;
        *) continue ;;
    esac
    sound "$target" "$test"
    if [ "$(try "$bug" "$target" "$test")" = failed ]; then
        caught=$((caught + 1))
        echo "| \`$bug\` | \`$target\` \`$test\` | $(said) |"
    else
        missed=$((missed + 1))
        echo "| \`$bug\` | NOT CAUGHT by \`$target\` \`$test\` | |"
    fi
done <<END
$bites
END
echo "$caught caught, $missed not" >&2
[ "$missed" = 0 ] && [ "$caught" -gt 0 ]

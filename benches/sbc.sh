#!/bin/sh
# Calibrates engines on six small models: benches/sbc.sh [FOLDER [ENGINE...]]
#
# 200 simulations and 99 ranks each; runs for hours, uses all cores, and goes on where it was interrupted: finished
# simulations stand in FOLDER/ENGINE-MODEL/ranks.jsonl. The false alarms of all quantities, tests, models and engines
# together stay below 1e-4. SIMS, RANKS and ODP (the binary) can be set from outside. The last lines are the table of
# docs/truths/sbc.md.
set -eu
here=$(dirname "$0")
folder=${1:-sbc-out}
[ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- diffusion smc elliptical nuts
odp=${ODP:-$here/../target/release/odp}
sims=${SIMS:-200}
ranks=${RANKS:-99}
models="normal coin schools counts logistic clusters"
runs=$(($# * 6))
# Of 1e-4 each run has its share.
alpha=$(awk "BEGIN { print 1e-4 / $runs }")
mkdir -p "$folder"
for model in $models; do
    for engine in "$@"; do
        # nuts needs a smooth program.
        [ "$model-$engine" = clusters-nuts ] && continue
        "$odp" sbc "$here/sbc/$model.odp" --data "$here/sbc/$model.json" --infer "$engine" \
            --sims "$sims" --ranks "$ranks" --alpha "$alpha" --seed 1 --quiet \
            --out "$folder/$engine-$model" > "$folder/$engine-$model.txt" || echo "$engine $model: exit code $?" >&2
    done
done
echo "| model | engine | simulations | smallest p | unreliable | verdict |"
echo "|---|---|---|---|---|---|"
for model in $models; do
    for engine in "$@"; do
        summary="$folder/$engine-$model/summary.json"
        [ -f "$summary" ] || continue
        python3 - "$model" "$engine" "$summary" <<'PY'
import json, sys
model, engine, path = sys.argv[1:]
s = json.load(open(path))
p = min(min(q["p_chi_square"], q["p_ecdf"]) for q in s["quantities"]) if s["quantities"] else float("nan")
failing = [q["name"] for q in s["quantities"] if not q["pass"]]
verdict = "pass" if s["pass"] else "fails at " + ", ".join(failing) if failing else f"{s['failed']} runs ended with an error"
print(f"| {model} | {engine} | {s['completed']} | {p:.2g} | {s['unreliable']} | {verdict} |")
PY
    done
done

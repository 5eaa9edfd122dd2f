import { runSeed } from './run-seed.ts';

const rare = [
  '6 GONE_BY_OPERATOR',
  '7 relocated',
  '8 killed',
  '25 while starting',
  '14 overtakes',
  '16 framework id lost',
  '2',
  '19',
  '12 ERROR',
  '24',
  '10',
];
const from = Number(process.argv[2]);
const tally = new Map<string, number[]>();
for (let s = from; s < from + 48; s += 1) {
  const r = await runSeed(s);
  if (r.violation) console.log(s, r.violation.slice(0, 900));
  for (const k of rare) if (r.coverage.has(k)) tally.set(k, [...(tally.get(k) ?? []), s]);
}
for (const k of rare) console.log(k, (tally.get(k) ?? []).join(' '));

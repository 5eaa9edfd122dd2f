import { replay } from '/work/main/test/local/replay/replay.ts';

for (const name of process.argv.slice(2)) {
  const slack = name.startsWith('14') ? 1100 : name === '05-kill.protobuf' ? 700 : 200;
  try {
    const r = replay(`/work/shared/mesos-transcripts/${name}.jsonl`, {
      slackMs: slack,
      ...(name.startsWith('12')
        ? { untilNote: 'last of all' }
        : name.startsWith('27')
          ? { withoutCalls: ['GET_ROLES'] }
          : {}),
    });
    console.log(
      name,
      r.failures.length ? 'FAIL' : 'ok',
      r.matchedEvents,
      r.comparedResponses,
      r.skippedRequests.length,
    );
    for (const f of r.failures.slice(0, 4)) console.log('   ', f.slice(0, 900));
  } catch (e) {
    console.log(name, 'THROW', e);
  }
}

/**
 * What a framework for stateful services must do whatever Mesos does, item by item, and the tests that go
 * red when the rule is broken. An item that is not proven says so in `open`; there is none.
 */
export type Item = {
  readonly behaviour: string;
  /** By file under test/: titles, or a part of them, as they stand in the file. */
  readonly tests: Readonly<Record<string, readonly string[]>>;
  /** Cases of test/plan/golden. */
  readonly goldens?: readonly string[];
  readonly open?: string;
};

const fold = 'observe/fold-update.test.ts';
const table = 'observe/mesos-table.test.ts';
const loop = 'reconciler/reconciler.test.ts';
const ends = 'plan/mesos-failures.test.ts';
const lost = 'reconciler/mesos-failures.test.ts';
const rules = 'plan/rules.test.ts';
const client = 'mesos/client.test.ts';
const translate = 'mesos/translate.test.ts';

export const correctness: Readonly<Record<number, Item>> = {
  1: {
    behaviour: 'A launch is durable, by a fenced write, before its ACCEPT; whoever leads next reconciles it.',
    tests: {
      [loop]: [
        'a step’s intent is durable before its call is sent, voters before all',
        'an intent that could not be stored is not sent; the next pass tries anew',
        'fenced while it works: nothing more is sent, and it is fatal',
      ],
    },
    goldens: ['resubscribed'],
  },
  2: {
    behaviour:
      'A launch that brings no word is asked about by name; only a terminal answer brings a new task id.',
    tests: {
      [loop]: [
        'a write whose answer was lost is read again, neither repeated blindly nor taken for failed',
        'a call that was lost is not repeated from where it failed',
      ],
    },
    goldens: ['silent-launch-is-asked-about', 'silent-launch-waits'],
  },
  3: {
    behaviour:
      'An update is stored, then acknowledged, known task or not; repeats change nothing, old tasks nothing but themselves.',
    tests: {
      [loop]: [
        'an update is stored, then acknowledged',
        'an update that could not be stored is not acknowledged; it comes again and is',
        'updates of unknown tasks that carry a uuid are acknowledged too, those without are not',
        'a repeated update writes nothing',
      ],
      [fold]: [
        'a duplicate is the same record, so that nothing is written',
        'neither state nor report go back when an older update comes late',
        'a task of before changes nothing but its own entry',
      ],
    },
  },
  4: {
    behaviour:
      'After each subscription tasks are asked about by name with truncated backoff, all of them now and then; superseded live ones are killed, and one that is newer than its record stops everything of its cluster.',
    tests: {
      [loop]: [
        'after a disconnection nothing is sent; after the next subscription all tasks are asked about',
        'a live task of before what its record knows is killed, again with backoff until it ends',
        'a live task of after what its record knows is left alone, and so is its cluster: the store is older',
      ],
      [table]: [
        'a new subscription is suppressed and knows nothing of before',
        'reconciliation by name counts its attempts, and begins anew a while after',
      ],
    },
    goldens: [
      'resubscribed',
      'stranger-killed',
      'stranger-newer-than-the-store',
      'stranger-of-an-unknown-cluster',
    ],
  },
  5: {
    behaviour:
      'Silence on reconciliation is no answer: nothing is killed or started for it, and every question names the agent.',
    tests: {
      [lost]: [
        'an hour of silence on reconciliation: nothing is killed or started, each question names the agent',
      ],
      [translate]: ['kill, explicit reconciliation and acknowledgement name the agent'],
    },
  },
  6: {
    behaviour: 'UNKNOWN is no proof of death, GONE is; GONE_BY_OPERATOR is the operator’s word.',
    tests: {
      [fold]: [
        'proves no death: the task stays, the timer starts once',
        'an end that comes of an unreachable agent counts stickiness from when it was first missed',
        'the operator’s word that the agent is gone ends the wait',
      ],
      [lost]: [
        'tasks of unreachable agents are asked about by name now and then: all of them leaves them out',
      ],
    },
  },
  7: {
    behaviour:
      'UNREACHABLE: a stored timer from unreachable_time; afterwards another disk only when the controller has fenced the broker, and never on an unknown Kafka.',
    tests: {
      [fold]: ['proves no death: the task stays, the timer starts once'],
      [rules]: ['an empty disk under an old id only when it is fenced and each partition lives elsewhere'],
      'plan/properties.test.ts': ['an unknown Kafka yields neither a stop nor another disk'],
    },
    goldens: [
      'unreachable-agent-with-timer',
      'relocation-held-not-fenced',
      'relocation-held-kafka-unknown',
      'relocation-allowed',
    ],
  },
  8: {
    behaviour:
      'Back from unreachable: the timer ends; an instance that was replaced is killed at once, until it ends.',
    tests: {
      [fold]: ['back from unreachable: the timer is gone and nothing else changed'],
      [table]: ['any update is an answer; a live task that no record wants is a stranger until it ends'],
      [lost]: ['a replaced instance that comes back is killed at once, until it ends'],
    },
  },
  9: {
    behaviour: 'FAILURE of an agent brings no word of its tasks: they are asked about.',
    tests: { [table]: ['the failure of an agent makes every task askable again, that of an executor none'] },
  },
  10: {
    behaviour:
      'TASK_LOST, which comes when an agent unregisters or its machine goes down, is unreachable and no failure.',
    tests: { [fold]: ['proves no death: the task stays, the timer starts once'] },
  },
  11: {
    behaviour:
      'A disk is known by its persistence id: an agent under a new id is home, one without the volume is not.',
    tests: {},
    goldens: [
      'agent-back-under-a-new-id',
      'unreachable-and-its-volume-is-offered',
      'agent-there-volume-gone',
      'agent-there-volume-missing-inside-period',
      'offers-keep-coming-for-a-lost-disk',
    ],
  },
  12: {
    behaviour:
      'DROPPED is retried with backoff and restarted nobody; ERROR stops and says why; GONE_BY_OPERATOR is replaced at once behind the gate.',
    tests: {
      [fold]: [
        'DROPPED is retried with the same patience, ERROR says why',
        'the operator’s word that the agent is gone ends the wait',
      ],
      [ends]: [
        'a launch that came to nothing is no restart of the broker, one that was seen to start is',
        'a task that Mesos refuses remembers the revision that asked for it',
      ],
      'plan/second-look.test.ts': [
        'an agent marked gone does not skip the gate, whatever was heard of the disk',
      ],
    },
    goldens: ['refused-by-mesos', 'refused-by-mesos-and-corrected', 'half-done-create-is-resumed'],
  },
  13: {
    behaviour:
      'A disconnection voids offers and stream; nothing is sent until SUBSCRIBED; updates may come again.',
    tests: {
      [table]: ['offers and all else of the subscription are void'],
      [loop]: [
        'after a disconnection nothing is sent; after the next subscription all tasks are asked about',
      ],
      [client]: ['a call while not subscribed rejects at once'],
      'plan/properties.test.ts': ['without Mesos there is no step, and it is said'],
    },
    goldens: ['disconnected'],
  },
  14: {
    behaviour:
      'A rescinded offer is not used, even when the rescind comes first; an ACCEPT that lost the race ends in DROPPED.',
    tests: {
      [table]: [
        'offers are kept until they are rescinded or used',
        'a rescind that comes before its offer buries it, once',
        'tombstones are bounded',
      ],
      [fold]: ['DROPPED is retried with the same patience, ERROR says why'],
    },
  },
  15: {
    behaviour:
      'Another scheduler took over: step down, send nothing, never subscribe again by itself; writes are version- and epoch-checked.',
    tests: {
      [client]: ['a call refused for its stream id means that another scheduler took over', 'is terminal'],
      [loop]: [
        'a scheduler that may not lead any more sends nothing, stores nothing and ends',
        'a change of Kafka that waits is dropped when leadership is lost',
        'fenced, and noticed by an apply: that is fatal too, nothing more is sent',
      ],
      'zookeeper/election.test.ts': [
        'one leads, whoever came first; each end lets the next one lead',
        'a leader that is cut off may not act any more before the next one is elected',
        'a leader that was stopped for a while may not act from its first instruction on',
        'a candidature whose answer is lost does not stand twice',
        'who removes the leader’s node deposes it',
      ],
      'zookeeper/store.test.ts': [
        'a write whose answer is lost has an unknown outcome; it is there, and is not done twice',
        'a claim whose answer is lost is there, and gives nothing: the writer has to claim again',
        'when the session has expired every call fails, for good',
      ],
      'zookeeper/scheduler-process.test.ts': ['deposed, it ends with 75 by itself'],
      'e2e/failover.test.ts': [
        'the leader is killed',
        'the leader is stopped, and goes on later: it ends without a call',
        'the leader is cut from ZooKeeper, in silence',
        'every acknowledged record is there',
      ],
    },
  },
  16: {
    behaviour:
      'No framework id while tasks exist: refuse to start. A removed framework ends the scheduler under a code of its own.',
    tests: {
      [loop]: [
        'tasks in the store and no framework id: it refuses to start',
        'the framework id is durable before any task, and the next scheduler has it',
        'ends the loop for good',
      ],
      [lost]: ['an instance that was replaced is a task too: without the framework id it refuses to start'],
      [client]: ['is terminal'],
    },
  },
  17: {
    behaviour:
      'Offers are refused at once, long and spread, by the most impatient need; REVIVE for new needs by a token bucket; SUPPRESS when idle, and again.',
    tests: {
      'plan/offers.test.ts': [
        'what fits nobody is refused for as long as the most impatient broker can wait',
        'refusals are spread by up to a fifth, one call for all',
        'a need that came after a refusal revives, one that was there does not',
        'the refusals of the same pass come after the REVIVE, which would take them back',
        'REVIVE waits for a token of its bucket, and the pass comes by itself',
        'SUPPRESS is repeated when offers still come, not for those that were on their way',
      ],
      [table]: [
        'refused offers were held against the needs of all refusals since the last REVIVE',
        'each REVIVE takes a token',
      ],
      [lost]: ['offers refused while a broker waited for its agent come again when it may go elsewhere'],
      [translate]: ['who we are: what we can do, a principal, checkpoints, time to fail over'],
      'mesos/embedded.test.ts': [
        'offers come when they are asked for; unknown tasks are GONE where the agent is known',
      ],
    },
  },
  18: {
    behaviour:
      'Reservations carry labels that say whose they are; what a retry reserved twice is found beside the task and given back, once.',
    tests: {
      'plan/accept.test.ts': [
        'several brokers on one agent start by one ACCEPT, each with what is reserved for it',
      ],
      'plan/release.test.ts': ['a release is sent once, with ids, and not again while it is on its way'],
    },
    goldens: ['surplus-is-unreserved', 'surplus-with-the-volume-is-news-to-come', 'release-task-may-use-it'],
  },
  19: {
    behaviour:
      'RESERVE went well and CREATE failed: the next offer resumes, though the launch behind them ended in ERROR.',
    tests: {
      'plan/accept.test.ts': [
        'is completed by the next offer',
        'operations that fail for good are tried with growing patience, and told',
      ],
    },
    goldens: [
      'reserve-done-create-missing',
      'half-done-create-is-resumed',
      'half-done-reserve-is-resumed',
      'half-done-backs-off',
    ],
  },
  20: {
    behaviour:
      'The life of a volume to its end, resumable at every step: stop, give up the place, DESTROY and UNRESERVE, forget; orphans are collected by label only, and never their data.',
    tests: {
      'plan/release.test.ts': [
        'gone by an offer that came a while after; at once when feedback says so',
        'a disk keeps its source when its volume is destroyed; one of the agent’s own has none',
        'what Mesos refuses is said in its words',
      ],
      'plan/leftovers.test.ts': [
        'nothing is left where nothing is shown; others’ tasks and reservations are not ours',
        'tasks, reservations, volumes, and agents that the master cannot speak for',
      ],
      'reconciler/teardown.test.ts': [
        'clusters go first, then Mesos forgets the framework, then we do',
        'it does not end by itself, nor while something is left',
      ],
      'e2e/crash-removal.test.ts': [
        'a broker leaves, then the cluster goes, its scheduler dying all the way',
        'a cluster whose data is kept comes back with it',
        'teardown: a dead agent is named and holds up nothing else; when it is back, the master proves the end',
      ],
    },
    goldens: [
      'release-after-relocation',
      'release-waits-until-in-sync',
      'release-of-a-disk-never-formatted',
      'broker-left-the-spec-gone',
      'broker-left-the-spec-released',
      'broker-left-the-spec-forgotten',
      'broker-left-the-spec-agent-away',
      'delete-destroy-begins',
      'delete-destroy-gives-up-places',
      'delete-destroy-records',
      'delete-destroy-no-way-back',
      'delete-keep-data',
      'teardown-destroys-all',
      'orphan-reservation-is-released',
      'orphan-volume-is-held',
      'orphan-cluster-is-held',
    ],
  },
  21: {
    behaviour:
      'MOUNT disks go whole; ROOT and PATH volumes grow, on disk reserved beforehand, while no task uses them and in an ACCEPT of their own; none shrinks.',
    tests: {
      [rules]: ['a mount disk goes whole, the smallest that is large enough'],
      'plan/growth.test.ts': [
        'reserved while it runs, grown when it has stopped, started on the next offer',
        'a growth that is taken back before the stop gives the disk back',
        'a GROW_VOLUME that Mesos refuses ends in a start without it, and in words',
        'a GROW_VOLUME that is lost is sent again, and not for ever',
      ],
      'local/model/master.test.ts': [
        'GROW_VOLUME: the volume is larger in the next offer, and nothing behind it in the ACCEPT can use it',
      ],
      [translate]: ['a volume that grows: what is added is reserved as it is, and the id asks for feedback'],
    },
    goldens: [
      'grow-no-room',
      'grow-reserves-first',
      'grow-stops-behind-the-gate',
      'grow-held-by-the-gate',
      'grow-then-launch',
      'grow-done',
      'grow-refused-starts-without',
      'grow-refused-is-held',
      'grow-mount-disk-is-refused',
      'shrink-is-refused',
    ],
  },
  22: {
    behaviour:
      'Operations that nothing else tells of carry ids where the agent takes them; their ends are acknowledged, asked about after a subscription, and a hint only: offers prove.',
    tests: {
      'plan/release.test.ts': [
        'a release is sent once, with ids, and not again while it is on its way',
        'gone by an offer that came a while after; at once when feedback says so',
        'an agent that gives no feedback is asked without ids from then on',
        'after a subscription operations are asked about while something is to be released',
      ],
      [lost]: ['the end of an operation is acknowledged, and stored nowhere'],
    },
    goldens: ['grow-without-a-word-starts-without'],
  },
  23: {
    behaviour:
      'An inverse offer is accepted if every cluster can spare what runs there, else declined; the answer is stored and shown; agents about to be maintained get no new work.',
    tests: {
      'plan/maintenance.test.ts': [
        'the answer is stored with the broker, then sent; the same answer is not stored again',
        'declined when min ISR would break or the quorum lose its majority, with the reason',
        'a partition with one replica is spared by consent only, an unknown min ISR never',
        'agents promised for the same time count together, for another time they do not',
        'an unknown Kafka declines, a reading from before the question waits for the next',
        'a broker that this very pass changes is judged in the next one',
        'a question is answered once; a rescinded one is forgotten while the broker is still up',
        'a question that is not asked again was withdrawn',
        'the answer is shown until the maintenance is over',
        'the answer for a broker that is down, or has moved, is forgotten in the end',
        'a maintenance without an end holds a roll, and a person is told what ends it',
      ],
      [translate]: ['inverse offers and their rescission', 'the answers to an inverse offer'],
      'mesos/embedded.test.ts': ['an answer to an inverse offer is what the operator sees'],
      'cli/format.test.ts': ['a planned maintenance and its answer are told of the broker'],
    },
    goldens: ['maintenance-soon', 'relocation-avoids-maintenance'],
  },
  24: {
    behaviour:
      'A drained agent is no failure of its broker, which is held for stickiness; mark_gone is the operator’s word.',
    tests: {
      [translate]: ['a recorded drain, and an agent that was marked gone, are no failures of a broker'],
      [fold]: ['a drained agent is no failure of the broker'],
      'plan/second-look.test.ts': [
        'a task that Mesos kills for a drain is on its way down: no other broker is restarted',
        'an agent marked gone does not skip the gate, whatever was heard of the disk',
      ],
    },
    goldens: ['drained-agent-is-waited-for'],
  },
  25: {
    behaviour:
      'KILL names the agent and is repeated with backoff until the task ends; GONE and UNKNOWN end it; a start can be stopped too.',
    tests: {
      [rules]: ['a KILL is sent again 5, 10, 20, 40 s later and then each minute'],
      [loop]: ['a lost KILL is sent again when it is due, and not while Kafka cannot say what it would do'],
      [lost]: ['is not sent again'],
      [table]: ['any update is an answer; a live task that no record wants is a stranger until it ends'],
      [translate]: ['kill, explicit reconciliation and acknowledgement name the agent'],
    },
    goldens: [
      'kill-resend',
      'kill-waits',
      'stopped-broker-that-was-starting',
      'kills-stored-and-not-sent',
      'kills-stored-and-without-effect',
      'kill-without-effect-and-no-word',
      'kill-lost-beside-a-start-that-hangs',
    ],
  },
  26: {
    behaviour:
      'The end of an executor is information, its tasks’ updates decide; a task id is never used again.',
    tests: {
      [table]: ['the failure of an agent makes every task askable again, that of an executor none'],
      [fold]: ['the sticky timer is in the record: it survives the scheduler, and the launches count on'],
    },
  },
  27: {
    behaviour: 'Timers are stored; a clock that jumps neither ends nor prolongs them beyond measure.',
    tests: {
      'sys/steady-clock.test.ts': [
        'a wall clock set forward by hours ends no wait: ten minutes take at least nine',
        'one set back prolongs none: ten minutes take at most eleven and a bit, and time never goes back',
        'it comes back to the wall clock, at a tenth of the time that passes',
      ],
      'observe/bound-times.test.ts': [
        'times of the past stay as they are, however long ago',
        'no wait is longer than it may be by the spec',
        'what has happened has happened by now',
      ],
      'plan/second-look.test.ts': [
        'right after a subscription no disk is given up: the agent that has it may still offer',
      ],
      [lost]: [
        'times from the future that an earlier life wrote down are bounded before anything is decided',
      ],
      [fold]: [
        'the sticky timer is in the record: it survives the scheduler, and the launches count on',
        "since when an agent is missed depends on no clock but the master's own",
      ],
    },
  },
  28: {
    behaviour:
      'A broker that runs and dies at once backs off all the same; a healthy while leaves failures behind.',
    tests: {
      [fold]: [
        'flapping keeps its failures, a healthy while leaves them behind',
        'the first failure is retried at once, the next with backoff up to the limit',
      ],
    },
    goldens: ['backoff', 'gave-up'],
  },
  29: {
    behaviour:
      'Several waiting brokers and one batch of offers: nothing is used twice, as much starts as fits, all else is explained.',
    tests: {
      'plan/properties.test.ts': [
        'at any moment: nothing used twice, nothing passed over, nothing broken',
        'the order of offers and records changes nothing',
      ],
      'plan/accept.test.ts': [
        'several brokers on one agent start by one ACCEPT, each with what is reserved for it',
      ],
      'observe/rejections.test.ts': [
        'what was given back is told while the broker waits, the last word of each agent, newest first',
        'it is forgotten with the need, after a while, and never told of another need',
      ],
      [lost]: ['why a broker is not placed is told after the offers were given back'],
    },
    goldens: ['bring-up-of-three', 'bring-up-on-one-agent', 'two-clusters-one-offer', 'constraint-unique'],
  },
};

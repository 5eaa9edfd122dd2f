import { checkBrokers } from './check-brokers.ts';
import { checkCluster, checkDeletion } from './check-cluster.ts';
import { checkConfig } from './check-config.ts';
import { checkFields } from './check-fields.ts';
import { checkTopics } from './check-topics.ts';
import type { KafkaCluster } from './document.ts';
import { isBelow, type Path } from './path.ts';
import type { Finding } from './problems.ts';

/** What a check may look at. Nothing below a path that cannot be read has the type it says. */
export type Checked = {
  readonly document: KafkaCluster;
  /**
   * No mistake at, below or around this path is known so far, and no unknown key stands for it. A check that
   * depends on what is not sound would blame a field for a mistake in another.
   */
  readonly isSound: (...path: Path) => boolean;
  /** No mistake at, below or around this path is known so far, unknown keys aside. */
  readonly isReadable: (...path: Path) => boolean;
  /** The value at this path is what its type says; something inside of it may be wrong. */
  readonly hasShape: (...path: Path) => boolean;
};

/** More mistakes of shape than this, and what the author means cannot be told. */
const hopeless = 200;

/**
 * Checks what a document means, after its shape. Each check keeps away from what is known to be wrong, so
 * that one mistake is one finding; the rest of the document is checked all the same.
 */
export function checkMeaning(document: KafkaCluster, shape: readonly Finding[]): readonly Finding[] {
  if (shape.length > hopeless) return [];
  const own = checkFields(checkedBy(document, shape));
  const config = checkConfig(checkedBy(document, shape));
  const single = [...shape, ...own];
  const brokers = checkBrokers(checkedBy(document, single));
  const clashes = brokers.filter(({ code }) => code === 'KM_SPEC_PORT_CLASH');
  const cluster = checkCluster(checkedBy(document, [...single, ...clashes]));
  const topics = checkTopics(checkedBy(document, single));
  const deletion = checkDeletion(checkedBy(document, shape));
  return [...own, ...config, ...deletion, ...brokers, ...cluster, ...topics];
}

function checkedBy(document: KafkaCluster, findings: readonly Finding[]): Checked {
  // A field that is not acted on says nothing about those beside it.
  const errors = findings.filter(
    ({ severity, code }) => severity !== 'warning' && code !== 'KM_SPEC_NOT_YET',
  );
  const wrong = errors.filter(({ code }) => code !== unknownKey).map(({ path }) => path);
  // An unknown key hides the field that it was meant to be, and no other.
  const doubtful = [...wrong, ...errors.flatMap(({ meant }) => meant ?? [])];
  const touches = (paths: readonly Path[], path: Path): boolean =>
    paths.some((other) => isBelow(other, path) || isBelow(path, other));
  return {
    document,
    isSound: (...path) => !touches(doubtful, path),
    isReadable: (...path) => !touches(wrong, path),
    hasShape: (...path) => !wrong.some((other) => isBelow(path, other)),
  };
}

const unknownKey = 'KM_SPEC_UNKNOWN_KEY';

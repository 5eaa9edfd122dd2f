import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { jvmOverheadMiB } from '../model/desired.ts';

/** What this machine allows a broker; what could not be read is absent and not warned about. */
export type HostLimits = {
  readonly platform: string;
  /** Soft limit of open files of this process; its children, the JVM among them, inherit it. */
  readonly openFiles?: number;
  /** `vm.max_map_count`: areas of memory that one process may map. */
  readonly maxMapCount?: number;
  /** `vm.swappiness`, 0 to 200. */
  readonly swappiness?: number;
  readonly swapTotalKiB?: number;
};

export type BrokerDemand = {
  readonly heapMiB: number;
  /** Memory of the task, heap included. */
  readonly memoryMiB?: number;
  /** Log segments in the data directories just now. */
  readonly segments: number;
};

/** Kafka's documentation, "OS": "at least 100000 allowed file descriptors for the broker processes". */
const advisedOpenFiles = 100_000;
/** Each segment has an offset index and a time index, and each of the two is mapped (same place). */
const mapsPerSegment = 2;
/** What most who run Kafka set; Linux itself has 65,530. */
const advisedMapCount = 262_144;
/** A broker is warned while it has this many times the maps that its segments need now. */
const mapHeadroom = 2;
/** Only to avoid running out of memory; a heap that is swapped out stalls every request. */
const advisedSwappiness = 1;
const toleratedSwappiness = 10;

/** Reasons to look twice that stop nothing, each with its remedy. Pure. */
export function limitWarnings(limits: HostLimits, demand: BrokerDemand): readonly string[] {
  const warnings: string[] = [];
  const { openFiles, maxMapCount, swappiness, swapTotalKiB = 0 } = limits;
  const { heapMiB, memoryMiB, segments } = demand;
  if (openFiles !== undefined && openFiles < advisedOpenFiles) {
    warnings.push(
      `only ${openFiles} open files, Kafka advises ${advisedOpenFiles}: set LimitNOFILE=${advisedOpenFiles} for the Mesos agent`,
    );
  }
  const neededMaps = segments * mapsPerSegment;
  if (maxMapCount !== undefined && neededMaps * mapHeadroom > maxMapCount) {
    const wanted = Math.max(advisedMapCount, neededMaps * mapHeadroom * 2);
    warnings.push(
      `vm.max_map_count is ${maxMapCount} and the ${segments} log segments here need ${neededMaps} maps; Kafka ends with "Map failed" when they run out: sysctl -w vm.max_map_count=${wanted} on this agent`,
    );
  }
  if (memoryMiB !== undefined && memoryMiB - heapMiB < jvmOverheadMiB) {
    warnings.push(
      `${memoryMiB} MiB leave ${memoryMiB - heapMiB} MiB beside the heap of ${heapMiB} MiB, and the JVM needs about ${jvmOverheadMiB} MiB there: raise memory or lower heap in the spec, or the kernel may end the broker`,
    );
  }
  if (swapTotalKiB > 0 && swappiness !== undefined && swappiness > toleratedSwappiness) {
    warnings.push(
      `this machine swaps (vm.swappiness ${swappiness}), and a heap that was swapped out stalls the broker: sysctl -w vm.swappiness=${advisedSwappiness} on this agent, or switch swap off`,
    );
  }
  if (limits.platform !== 'linux') {
    warnings.push(
      `open files, vm.max_map_count and swap are not checked on ${limits.platform}: see to them by hand, or run brokers on Linux`,
    );
  }
  return warnings;
}

/** Reads them from `/proc`, which inside a container shows the machine's. Never rejects. */
export async function readHostLimits(platform: string = process.platform): Promise<HostLimits> {
  if (platform !== 'linux') return { platform };
  const read = (path: string) => readFile(path, 'utf8').catch(() => '');
  const numberIn = (text: string, pattern: RegExp): number | undefined => {
    const found = pattern.exec(text)?.[1];
    return found === undefined ? undefined : Number(found);
  };
  const [processLimits, maxMapCount, swappiness, memory] = await Promise.all([
    read('/proc/self/limits'),
    read('/proc/sys/vm/max_map_count'),
    read('/proc/sys/vm/swappiness'),
    read('/proc/meminfo'),
  ]);
  const found = {
    openFiles: numberIn(processLimits, /^Max open files\s+(\d+)/m),
    maxMapCount: numberIn(maxMapCount, /^(\d+)/),
    swappiness: numberIn(swappiness, /^(\d+)/),
    swapTotalKiB: numberIn(memory, /^SwapTotal:\s+(\d+) kB/m),
  };
  return {
    platform,
    ...Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined)),
  };
}

/** Log segments below these data directories: one `.log` file each. Unreadable folders count nothing. */
export async function countSegments(dataDirectories: readonly string[]): Promise<number> {
  let segments = 0;
  for (const directory of dataDirectories) {
    const partitions = await readdir(directory, { withFileTypes: true }).catch(() => []);
    for (const partition of partitions) {
      if (!partition.isDirectory()) continue;
      const files = await readdir(join(directory, partition.name)).catch(() => []);
      segments += files.filter((name) => name.endsWith('.log')).length;
    }
  }
  return segments;
}

/** Ids, values, resources, and the parties: the part of types.ts that all others stand on. */

/** Bytes as base64 (RFC 4648, padded). */
export type Base64 = string;

type Id = { readonly value: string };
export type FrameworkId = Id;
export type OfferId = Id;
export type AgentId = Id;
export type TaskId = Id;
export type ExecutorId = Id;
export type OperationId = Id;
export type ResourceProviderId = Id;
export type ContainerId = { readonly value: string; readonly parent?: ContainerId };
/** `OperationStatus.uuid`; `TaskStatus.uuid` and both acknowledgements carry the bytes bare. */
export type Uuid = { readonly value: Base64 };

/**
 * Nanoseconds since the epoch, as the nearest number: an int64 of today's date is beyond 2^53, and the
 * 128 ns this may be off by are what `JSON.parse` loses on the same field too.
 */
export type TimeInfo = { readonly nanoseconds: number };
/** The nearest number of nanoseconds; exact below 104 days. */
export type DurationInfo = { readonly nanoseconds: number };

export type Label = { readonly key: string; readonly value?: string };
export type Labels = { readonly labels?: readonly Label[] };
export type Parameter = { readonly key: string; readonly value: string };
export type Address = { readonly hostname?: string; readonly ip?: string; readonly port: number };
export type Url = {
  readonly scheme: string;
  readonly address: Address;
  readonly path?: string;
  readonly query?: readonly Parameter[];
  readonly fragment?: string;
};

export type DomainInfo = {
  readonly fault_domain?: {
    readonly region: { readonly name: string };
    readonly zone: { readonly name: string };
  };
};

// Values, resources, attributes

export type ValueType = 'SCALAR' | 'RANGES' | 'SET' | 'TEXT';
export type Scalar = { readonly value: number };
/** Inclusive at both ends; uint64 on the wire, here a safe integer (checked). */
export type Range = { readonly begin: number; readonly end: number };
export type Ranges = { readonly range?: readonly Range[] };
export type ValueSet = { readonly item?: readonly string[] };
export type Text = { readonly value: string };

export type Resource = {
  readonly name: string;
  readonly type: ValueType;
  readonly scalar?: Scalar;
  readonly ranges?: Ranges;
  readonly set?: ValueSet;
  /** Only in the formats without RESERVATION_REFINEMENT and in the operator API. */
  readonly role?: string;
  readonly allocation_info?: AllocationInfo;
  /** Only in the formats without RESERVATION_REFINEMENT and in the operator API. */
  readonly reservation?: ReservationInfo;
  readonly reservations?: readonly ReservationInfo[];
  readonly disk?: DiskInfo;
  readonly provider_id?: ResourceProviderId;
  readonly revocable?: Record<string, never>;
  readonly shared?: Record<string, never>;
};

export type AllocationInfo = { readonly role?: string };
export type ReservationInfo = {
  readonly type?: 'UNKNOWN' | 'STATIC' | 'DYNAMIC';
  readonly role?: string;
  readonly principal?: string;
  readonly labels?: Labels;
};
export type DiskInfo = {
  readonly persistence?: { readonly id: string; readonly principal?: string };
  readonly volume?: Volume;
  readonly source?: DiskSource;
};
export type DiskSourceType = 'UNKNOWN' | 'PATH' | 'MOUNT' | 'BLOCK' | 'RAW';
export type DiskSource = {
  readonly type: DiskSourceType;
  readonly path?: { readonly root?: string };
  readonly mount?: { readonly root?: string };
  readonly id?: string;
  readonly metadata?: Labels;
  readonly profile?: string;
  readonly vendor?: string;
};

export type Attribute = {
  readonly name: string;
  readonly type: ValueType;
  readonly scalar?: Scalar;
  readonly ranges?: Ranges;
  readonly set?: ValueSet;
  readonly text?: Text;
};

// Frameworks, masters, agents

export type FrameworkCapability =
  | 'UNKNOWN'
  | 'REVOCABLE_RESOURCES'
  | 'TASK_KILLING_STATE'
  | 'GPU_RESOURCES'
  | 'SHARED_RESOURCES'
  | 'PARTITION_AWARE'
  | 'MULTI_ROLE'
  | 'RESERVATION_REFINEMENT'
  | 'REGION_AWARE';

export type FrameworkInfo = {
  readonly user: string;
  readonly name: string;
  readonly id?: FrameworkId;
  /** Seconds; 0 when absent, and then a lost connection ends every task. */
  readonly failover_timeout?: number;
  readonly checkpoint?: boolean;
  readonly role?: string;
  readonly roles?: readonly string[];
  readonly hostname?: string;
  readonly principal?: string;
  readonly webui_url?: string;
  readonly capabilities?: readonly { readonly type?: FrameworkCapability }[];
  readonly labels?: Labels;
  readonly offer_filters?: Readonly<Record<string, OfferFilters>>;
};

export type OfferFilters = {
  readonly min_allocatable_resources?: {
    readonly quantities?: readonly { readonly quantities?: Readonly<Record<string, Scalar>> }[];
  };
};

export type MasterCapability = 'UNKNOWN' | 'AGENT_UPDATE' | 'AGENT_DRAINING' | 'QUOTA_V2';
export type MasterInfo = {
  readonly id: string;
  /** The IPv4 address as a number in network order; `address.ip` is the readable one. */
  readonly ip: number;
  readonly port: number;
  readonly pid?: string;
  readonly hostname?: string;
  readonly version?: string;
  readonly address?: Address;
  readonly domain?: DomainInfo;
  readonly capabilities?: readonly { readonly type?: MasterCapability }[];
};

export type AgentInfo = {
  readonly hostname: string;
  readonly port?: number;
  readonly resources?: readonly Resource[];
  readonly attributes?: readonly Attribute[];
  readonly id?: AgentId;
  readonly domain?: DomainInfo;
};

// Volumes

export type Volume = {
  readonly mode: 'RW' | 'RO';
  readonly container_path: string;
  readonly host_path?: string;
  readonly image?: Image;
  readonly source?: VolumeSource;
};
export type VolumeSource = {
  readonly type?: 'UNKNOWN' | 'DOCKER_VOLUME' | 'SANDBOX_PATH' | 'SECRET' | 'HOST_PATH' | 'CSI_VOLUME';
  readonly sandbox_path?: { readonly type?: 'UNKNOWN' | 'SELF' | 'PARENT'; readonly path: string };
  readonly secret?: Secret;
  readonly host_path?: { readonly path: string };
};
export type Image = {
  readonly type: 'APPC' | 'DOCKER';
  readonly docker?: { readonly name: string; readonly config?: Secret };
  readonly cached?: boolean;
};
export type Secret = {
  readonly type?: 'UNKNOWN' | 'REFERENCE' | 'VALUE';
  readonly reference?: { readonly name: string; readonly key?: string };
  readonly value?: { readonly data: Base64 };
};

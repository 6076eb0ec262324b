// Every kind of operation that a batch may have, by the name that its items give.
import { consume } from './consume.ts';
import type { Drafter } from './drafter.ts';
import { exchange } from './exchange.ts';
import { capture, hold, release } from './holds.ts';
import { refund } from './refund.ts';
import { grant, spend } from './spend-and-grant.ts';
import { transfer } from './transfer.ts';

export const drafters = { spend, grant, transfer, hold, capture, release, refund, exchange, consume };
export type BatchKind = keyof typeof drafters;

export const batchKinds = Object.keys(drafters) as BatchKind[];

// What a drafter takes is what its own schema gave: the types of all kinds meet in `Drafter`.
export const drafterOf = (kind: BatchKind) => drafters[kind] as unknown as Drafter;

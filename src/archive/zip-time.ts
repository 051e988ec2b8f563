// When a member of a zip was changed last (APPNOTE.TXT 6.3.10, section 4.4.6, and Info-ZIP's "extended timestamp").

import { viewOf } from "./little-endian.ts";

export const TIME_EXTRA = 0x5455;
const HAS_TIME = 0x01;

/** The time of an extended timestamp in milliseconds; null where it has none. */
export function timeOf(field: Uint8Array | null): number | null {
  return field === null || field.length < 5 || ((field[0] ?? 0) & HAS_TIME) === 0
    ? null
    : viewOf(field).getInt32(1, true) * 1_000;
}

/** A time of DOS, the date in the upper half, which has no zone: it is taken for UTC. Null where it is none. */
export function dosTimeOf(value: number): number | null {
  const [date, time] = [value >>> 16, value & 0xffff];
  const [month, day] = [(date >>> 5) & 15, date & 31];
  return month < 1 || month > 12 || day < 1
    ? null
    : Date.UTC(
        ...([1980 + (date >>> 9), month - 1, day] as const),
        ...([time >>> 11, (time >>> 5) & 63, (time & 31) * 2] as const),
      );
}

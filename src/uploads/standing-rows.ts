// What the upload object's rows know of /files/, beside the bytes: each function is one transaction of the ledger.

import type { Uuid } from "../protocol/ids.ts";
import { PLAIN } from "./ledger-rows.ts";
import type { Ledger } from "./ledger.ts";
import type { JoiningState, Standing } from "./state.ts";

/** Notes how many bytes the upload is to have. */
export function declareLength(ledger: Ledger, length: number): void {
  ledger.change((sql) => sql.exec("UPDATE upload SET declared_length = ?", length));
}

/** Notes how it stands. */
export function noteStanding(ledger: Ledger, changes: Partial<Standing>): void {
  const standing = { ...PLAIN, ...ledger.state?.standing, ...changes };
  ledger.change((sql) => sql.exec("UPDATE upload SET standing = ?", JSON.stringify(standing)));
  ledger.setAlarm();
}

/** Its client said that all of it is there, which is its length from now on. */
export function finish(ledger: Ledger, length: number): void {
  const standing = { ...PLAIN, ...ledger.state?.standing, isFinished: true };
  ledger.change((sql) =>
    sql.exec(
      "UPDATE upload SET declared_length = ?, standing = ?",
      length,
      JSON.stringify(standing),
    ),
  );
  ledger.setAlarm();
}

/** It is no upload of /files/ any more. */
export function withdraw(ledger: Ledger): void {
  const standing: Standing = { ...PLAIN, isWithdrawn: true };
  ledger.change((sql) =>
    sql.exec(
      "UPDATE upload SET standing = ?, plan = NULL, declared_length = NULL",
      JSON.stringify(standing),
    ),
  );
}

/** Notes how far the uploads that it is made of are read, and the checksums up to there. */
export function noteJoining(ledger: Ledger, joining: JoiningState, checksums: Uint8Array): void {
  ledger.change((sql) =>
    sql.exec(
      "UPDATE upload SET joining = ?, checksums = ?, last_append_at = ?",
      JSON.stringify(joining),
      checksums,
      Date.now(),
    ),
  );
}

/** Makes R2 objects that others wrote the upload's own: all of its bytes. */
export function adopt(ledger: Ledger, objects: readonly { key: string; length: number }[]): void {
  ledger.change((sql) => {
    objects.forEach(({ key, length }, index) => {
      sql.exec(
        `INSERT INTO extents (n, key, part_size, length, multipart_id, next_number, begun_at)
         VALUES (?, ?, ?, ?, NULL, 1, 0)`,
        index + 1,
        key,
        length,
        length,
      );
    });
    sql.exec("UPDATE upload SET joining = NULL, extents_begun = ?", objects.length);
  });
  ledger.setAlarm();
}

/** Leaves its R2 objects to another upload, and ends. */
export function giveAway(ledger: Ledger, uuid: Uuid): void {
  const objects = ledger.state?.extents.map(({ key, length }) => ({ key, length })) ?? [];
  const standing: Standing = { ...PLAIN, taker: { uuid, objects } };
  ledger.change((sql) => {
    sql.exec("UPDATE upload SET phase = 'expired', standing = ?", JSON.stringify(standing));
    sql.exec("DELETE FROM extents");
  });
}

import { Routes } from "../app-env.ts";
import { requireSystem } from "../auth/access.ts";
import { authorOf } from "../auth/author.ts";
import { requireTurnAtHashing } from "../auth/hash-turns.ts";
import { forgetTokens } from "../auth/identify.ts";
import { hashSecret } from "../auth/passwords.ts";
import { listGoodTokens } from "../catalog/access/tokens.ts";
import { createUser, deleteUser, listUsers, setPassword } from "../catalog/access/users.ts";
import type { User } from "../catalog/access/users.ts";
import { AppError } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import { ChangeUserRequest, CreateUserRequest } from "../protocol/requests.ts";
import { readJson } from "./json-body.ts";
import { toTokenReply } from "./tokens.ts";

const PASSWORD_LENGTH = 8;

/** The people who may log in, by the workspace `system`. */
export const users = new Routes()
  .post("/", async (c) => {
    requireSystem(c.var.identity);
    const request = await readJson(c.req.raw, CreateUserRequest);
    const name = readUserName(request.name);
    const password = readPassword(request.password);
    await requireTurnAtHashing(c.var.identity);
    const user = await createUser(c.env.DB, name, await hashSecret(password), authorOf(c));
    if (user === null) {
      throw new AppError("user_exists", `'${name}'`);
    }
    return c.json(toReply(user));
  })
  .get("/", async (c) => {
    requireSystem(c.var.identity);
    const found = await listUsers(c.env.DB, c.req.query("after") ?? "", LIMITS.listed);
    return c.json(found.map(toReply));
  })
  .patch("/:name", async (c) => {
    requireSystem(c.var.identity);
    const name = c.req.param("name");
    const { password, end_tokens: endsTokens } = await readJson(c.req.raw, ChangeUserRequest);
    const wanted = readPassword(password);
    await requireTurnAtHashing(c.var.identity);
    const passwordHash = await hashSecret(wanted);
    const author = authorOf(c);
    const user = await setPassword(c.env.DB, { name, passwordHash, endsTokens }, author);
    if (user === null) {
      throw new AppError("user_not_found", `'${name}'`);
    }
    forgetTokens(user.id);
    const tokens = await listGoodTokens(c.env.DB, user.id, author.now);
    return c.json({ ...toReply(user), tokens: tokens.map(toTokenReply) });
  })
  .delete("/:name", async (c) => {
    requireSystem(c.var.identity);
    const user = await deleteUser(c.env.DB, c.req.param("name"), authorOf(c));
    if (user === null) {
      throw new AppError("user_not_found", `'${c.req.param("name")}'`);
    }
    forgetTokens(user.id);
    return c.json(null);
  });

function toReply({ name, createdAt }: User) {
  return { name, created_at: createdAt / 1000 };
}

function readUserName(name: string | null): string {
  if (name === null || !/^[A-Za-z0-9][A-Za-z0-9._@-]{0,99}$/u.test(name)) {
    throw new AppError("user_name_invalid", `'${name ?? ""}'`);
  }
  return name;
}

function readPassword(password: unknown): string {
  if (
    typeof password !== "string" ||
    password.length < PASSWORD_LENGTH ||
    password.length > LIMITS.secretLength
  ) {
    throw new AppError("password_invalid");
  }
  return password;
}

/** A line of ERRORS. `help` says what to do, where the message alone does not. */
export interface Refusal {
  status:
    | 400
    | 401
    | 403
    | 404
    | 405
    | 406
    | 408
    | 409
    | 411
    | 413
    | 415
    | 412
    | 416
    | 423
    | 429
    | 500
    | 503
    | 507;
  message: string;
  help?: string;
}

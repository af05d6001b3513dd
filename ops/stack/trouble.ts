/**
 * Why the stack could not do what it was asked:
 * STACK_MISSING  a program is not installed and cannot be installed here; the message says what to install
 * STACK_INSTALL  an installation failed; the message ends with what the installer said
 * STACK_FAILED   a server ended or was not ready in time; the message ends with its log
 * STACK_RUNNING  this folder already has a stack that runs, or one that is being started or stopped
 * STACK_NONE     this folder has no stack that runs
 * STACK_FOLDER   the folder cannot be used, or is not this user's
 */
export class StackError extends Error {
  override name = 'StackError';
  constructor(
    readonly code: 'STACK_MISSING' | 'STACK_INSTALL' | 'STACK_FAILED' | 'STACK_RUNNING' | 'STACK_NONE' | 'STACK_FOLDER',
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

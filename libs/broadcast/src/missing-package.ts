/** Whether an `import()` failed because the package is not installed: https://nodejs.org/api/errors.html#err_module_not_found */
export function isMissingPackage(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND';
}

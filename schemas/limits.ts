/** What settings are bounded by. Apart from the schemas, so that reading settings loads none of them. */

/** Items of a page, at most and unless something else is asked for. */
export const MAX_PAGE_SIZE = 1_000
export const DEFAULT_PAGE_SIZE = 100

/** Fields that `PATCH_REQUIRED` may make mandatory: those that the contract prints as required. */
export const PATCH_REQUIRABLE = ['username', 'password'] as const
export type PatchRequirable = (typeof PATCH_REQUIRABLE)[number]

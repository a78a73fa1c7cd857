declare const __HOLDFAST_VERSION__: string | undefined

/** Put in by the build; from the sources it is unknown. */
export const VERSION: string = typeof __HOLDFAST_VERSION__ === 'string' ? __HOLDFAST_VERSION__ : '0.0.0-source'

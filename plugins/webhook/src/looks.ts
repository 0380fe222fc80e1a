import type { Notice } from '@purser/plugin-sdk';

/** How each looks where there are colours and pictures. */
const LOOKS = {
  info: { emoji: ':information_source:', colour: 0x3b82f6, tag: 'information_source' },
  warning: { emoji: ':warning:', colour: 0xf59e0b, tag: 'warning' },
  critical: { emoji: ':rotating_light:', colour: 0xdc2626, tag: 'rotating_light' },
  resolved: { emoji: ':white_check_mark:', colour: 0x16a34a, tag: 'white_check_mark' },
  report: { emoji: ':bar_chart:', colour: 0x6b7280, tag: 'bar_chart' },
  test: { emoji: ':test_tube:', colour: 0x6b7280, tag: 'test_tube' },
} as const;

export const lookOf = ({ state, severity }: Notice): (typeof LOOKS)[keyof typeof LOOKS] =>
  LOOKS[state === 'firing' ? severity : state];

/** `critical`, or what else the notice is. */
export const labelOf = ({ state, severity }: Notice): string => (state === 'firing' ? severity : state);

import { builder } from './builder.js';

/** What a person may do in a conversation. */
export const MemberRole = builder.enumType('MemberRole', {
  description: 'What a person may do in a conversation.',
  values: {
    OWNER: { value: 'owner', description: 'Everything: rename, delete, share, and say who belongs to it.' },
    WRITER: { value: 'writer', description: 'Posts, asks for replies and stops them.' },
    READER: { value: 'reader', description: 'Reads and gives feedback.' },
  } as const,
});

export const FeedbackValue = builder.enumType('FeedbackValue', {
  description: 'What a person thinks of a reply.',
  values: {
    UP: { value: 'up', description: 'It is good.' },
    DOWN: { value: 'down', description: 'It is not.' },
  } as const,
});

export const Theme = builder.enumType('Theme', {
  description: 'Light or dark.',
  values: {
    SYSTEM: { value: 'system', description: 'As the device has it.' },
    LIGHT: { value: 'light', description: 'Light.' },
    DARK: { value: 'dark', description: 'Dark.' },
  } as const,
});

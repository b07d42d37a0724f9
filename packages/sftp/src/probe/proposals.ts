import type { EndpointProfile, ProbeProposal } from '@waybill/domain';

/** What the findings speak for: each spares runs that would fail in the same way every time. */
export function proposalsFor(profile: EndpointProfile): ProbeProposal[] {
  return CASES.filter(({ applies }) => applies(profile)).map(({ propose }) => propose(profile));
}

interface Case {
  readonly applies: (profile: EndpointProfile) => boolean;
  readonly propose: (profile: EndpointProfile) => ProbeProposal;
}

const CASES: readonly Case[] = [
  {
    applies: ({ refusesMoreChannels, channels }) => refusesMoreChannels === true && channels !== null,
    propose: ({ channels }) => ({
      setting: 'maxChannels',
      proposed: channels ?? 1,
      why: `the server refuses to open more than ${channels} on one connection`,
    }),
  },
  {
    applies: ({ connections }) => connections === 1,
    propose: () => ({
      setting: 'schedules',
      proposed: 'let no two transfers of this endpoint run at the same time',
      why: 'the server refuses a second connection, and such a run has to try again later',
    }),
  },
  {
    applies: ({ canWrite, canStat, canStatOpen }) =>
      canWrite === true && canStat === false && canStatOpen === false,
    propose: () => ({
      setting: 'rights of the account',
      proposed: 'ask the partner to let it look at its files (stat)',
      why:
        'nobody may look how large what arrived is, so that no delivery to here can be proven: each ends with unproven, ' +
        'unless the minimum assurance of the endpoint is "none"',
    }),
  },
  {
    applies: ({ tellsTrueSize, keepsBytes }) => tellsTrueSize === false || keepsBytes === false,
    propose: () => ({
      setting: 'directory',
      proposed: 'ask the partner for one that stores files as they come',
      why: 'the server tells another size, or gives back other bytes, than were written: deliveries to here end with corrupted',
    }),
  },
  {
    applies: ({ keepsWritten }) => keepsWritten === false,
    propose: () => ({
      setting: 'directory',
      proposed: 'ask the partner for one whose files stay for some seconds',
      why: 'a written file is gone before it got its final name, so that deliveries to here end as unknown',
    }),
  },
  {
    applies: ({ canReadBack, keepsRead }) => canReadBack === false || keepsRead === false,
    propose: ({ keepsRead }) => ({
      setting: 'verification',
      proposed: 'size',
      why:
        keepsRead === false
          ? 'a file that was read is gone: read-back would take away what it proves'
          : 'the account may not read what it wrote, so that a delivery to here with read-back fails',
    }),
  },
  {
    applies: ({ renames }) => renames === false,
    propose: () => ({
      setting: 'rights of the account',
      proposed: 'ask the partner to let it rename its files',
      why: 'files arrive under a part name and are renamed once they are proven: without that no delivery to here ends well',
    }),
  },
  {
    applies: ({ removes }) => removes === false,
    propose: () => ({
      setting: 'disposition',
      proposed: 'keep',
      why: 'the account may not remove files, so that a pull from here leaves its source files',
    }),
  },
];

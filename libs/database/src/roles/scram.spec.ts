import { scramVerifier } from './scram.js';

describe('the verifier of a password', () => {
  it('has the keys that follow from password and salt', () => {
    // Password, salt and iterations of the example in RFC 7677. That a server takes it is shown where roles log in.
    expect(scramVerifier('pencil', Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64'))).toBe(
      'SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=',
    );
  });
});

// Keeps an avatar's picture in step with its sound.
//
// Browsers do that for tracks of one stream, by what their `msid` says. A LiveKit server puts each
// track into a stream of its own unless its publisher named one for both, which the SDK of the
// avatars' workers does not: `PA_sid|TR_sid`, where a publisher that did would have `PA_sid|name`.
// So here, too, the tracks of a participant get one name. Firefox tells tracks apart by these
// words and keeps nothing in step by them: there they are left alone.

const MSID = /(\bmsid:PA_[^|\s]+\|)TR_[^\s]+/g;

/** The same description with one stream for each participant. */
export function inStep(sdp: string): string {
  return sdp.replace(MSID, "$1stage");
}

/** From now on, for every connection that is made. */
export function keepInStep(): void {
  if (/firefox/i.test(navigator.userAgent)) return;
  const connection = RTCPeerConnection.prototype;
  const plain: (description: RTCSessionDescriptionInit) => Promise<void> =
    connection.setRemoteDescription;
  connection.setRemoteDescription = function (description: RTCSessionDescriptionInit) {
    const { type, sdp } = description;
    return plain.call(this, sdp === undefined ? description : { type, sdp: inStep(sdp) });
  };
}

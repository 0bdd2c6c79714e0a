// The performer's microphone: asked for, opened and shut, and its level.

/** Why there is no sound, and what to do. */
export class Trouble extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly hint: string,
  ) {
    super(message);
  }
}

const FLOOR_DB = -60;

export class Microphone {
  private readonly context = new AudioContext();
  private readonly meter = this.context.createAnalyser();
  private readonly wave = new Float32Array(this.meter.fftSize);
  /** Measured beside what is sent, so that its level is seen while it is shut. */
  private readonly measured: MediaStreamTrack;

  private constructor(
    readonly sound: MediaStreamTrack,
    lost: () => void,
  ) {
    this.measured = sound.clone();
    this.context.createMediaStreamSource(new MediaStream([this.measured])).connect(this.meter);
    this.open(false);
    sound.addEventListener("ended", lost);
  }

  /** Ask for it. Throws `Trouble`. */
  static async ask(lost: () => void): Promise<Microphone> {
    if (!window.isSecureContext || !navigator.mediaDevices) {
      throw new Trouble(
        "insecure",
        "This browser gives no microphone to a page without https",
        "Open the page by its https link. micstream performer-page --lan makes one.",
      );
    }
    try {
      const stream = await navigator.mediaDevices.getUserMedia({
        audio: {
          echoCancellation: true,
          noiseSuppression: true,
          autoGainControl: true,
          channelCount: 1,
        },
      });
      const sound = stream.getAudioTracks()[0];
      if (sound === undefined) throw new DOMException("", "NotFoundError");
      return new Microphone(sound, lost);
    } catch (error) {
      throw told(error);
    }
  }

  /** Open: it is sent. Shut it sends silence, and needs no word of the server's to open again. */
  open(open: boolean): void {
    this.sound.enabled = open;
  }

  /** A browser lets a page measure sound once somebody has touched it. */
  wake(): void {
    if (this.context.state !== "running") void this.context.resume();
  }

  /** Level of the last moment in dBFS. */
  level(): number {
    this.meter.getFloatTimeDomainData(this.wave);
    const peak = this.wave.reduce((most, each) => Math.max(most, Math.abs(each)), 0);
    return Math.max(FLOOR_DB, 20 * Math.log10(peak || 1e-9));
  }

  close(): void {
    this.sound.stop();
    this.measured.stop();
    void this.context.close();
  }
}

function told(error: unknown): Trouble {
  const name = error instanceof DOMException ? error.name : "";
  if (name === "NotAllowedError" || name === "SecurityError") {
    return new Trouble(
      "denied",
      "The microphone was not allowed",
      "Allow it: the sign in the address bar, or the browser's settings for this page; on a phone " +
        "its settings may forbid the browser itself. Then try again.",
    );
  }
  if (name === "NotFoundError" || name === "OverconstrainedError") {
    return new Trouble("none", "No microphone is there", "Plug one in, then try again.");
  }
  return new Trouble(
    "busy",
    "The microphone cannot be opened",
    "Another program or a call may hold it: end that, then try again.",
  );
}

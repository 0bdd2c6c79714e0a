// A picture without its backdrop: what has the backdrop's colour becomes transparent.
//
// Each frame is drawn once more, by the graphics card, on a canvas in the picture's place. How near
// a pixel is to the key is judged by its colour alone (its chroma), so that shadows on a backdrop go
// too; between NEAR and FAR it is half transparent, and what shines of the backdrop on hair and skin
// is taken off as far as SPILL. These are shares of the key's own distance from grey.

import { rgb } from "./look";

const NEAR = 0.25;
const FAR = 0.5;
const SPILL = 0.9;

const PLACE = `
attribute vec2 corner;
varying vec2 at;
void main() {
  at = vec2(corner.x, 1.0 - corner.y);
  gl_Position = vec4(2.0 * corner - 1.0, 0.0, 1.0);
}`;

const TAKE_OUT = `
precision mediump float;
varying vec2 at;
uniform sampler2D picture;
uniform vec2 key;
vec2 chroma(vec3 c) {
  return vec2(dot(c, vec3(-0.1146, -0.3854, 0.5)), dot(c, vec3(0.5, -0.4542, -0.0458)));
}
void main() {
  vec3 seen = texture2D(picture, at).rgb;
  float far = distance(chroma(seen), key) / length(key);
  float alpha = smoothstep(${NEAR}, ${FAR}, far);
  float clean = smoothstep(${FAR}, ${SPILL}, far);
  float grey = dot(seen, vec3(0.2126, 0.7152, 0.0722));
  float shine = clamp(dot(chroma(seen), key) / dot(key, key), 0.0, 1.0);
  seen = mix(mix(seen, vec3(grey), shine), seen, clean);
  gl_FragColor = vec4(seen * alpha, alpha);
}`;

/** Draws a video on a canvas of its own, without what has the key's colour. */
export class Keyed {
  readonly canvas = document.createElement("canvas");
  /** Whether it is drawn without a graphics card: that takes a processor, and loses pictures. */
  readonly slow: boolean;
  private readonly gl: WebGLRenderingContext | null;
  private ended = false;

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly key: string,
  ) {
    const options = { premultipliedAlpha: true, antialias: false, depth: false };
    const quick = this.canvas.getContext("webgl", { ...options, failIfMajorPerformanceCaveat: true });
    this.slow = quick === null;
    this.gl = (quick ?? this.canvas.getContext("webgl", options)) as WebGLRenderingContext | null;
    // A graphics card that was away (sleep, a new driver) begins with nothing.
    this.canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
    this.canvas.addEventListener("webglcontextrestored", () => this.prepare());
    if (!this.gl) return;
    this.prepare();
    this.next();
  }

  /** Whether this browser can; where it cannot the picture is shown as it is. */
  get works(): boolean {
    return this.gl !== null;
  }

  end(): void {
    this.ended = true;
    this.canvas.remove();
    this.gl?.getExtension("WEBGL_lose_context")?.loseContext();
  }

  private next(): void {
    if (this.ended) return;
    const draw = (): void => {
      this.draw();
      this.next();
    };
    if ("requestVideoFrameCallback" in this.video) this.video.requestVideoFrameCallback(draw);
    else requestAnimationFrame(draw);
  }

  private draw(): void {
    const { gl, canvas, video } = this;
    if (!gl || gl.isContextLost() || !video.videoWidth || this.ended) return;
    if (canvas.width !== video.videoWidth || canvas.height !== video.videoHeight) {
      [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
      gl.viewport(0, 0, canvas.width, canvas.height);
    }
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGB, gl.RGB, gl.UNSIGNED_BYTE, video);
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
  }

  private prepare(): void {
    const gl = this.gl;
    if (!gl) return;
    const program = gl.createProgram();
    for (const [kind, text] of [
      [gl.VERTEX_SHADER, PLACE],
      [gl.FRAGMENT_SHADER, TAKE_OUT],
    ] as const) {
      const shader = gl.createShader(kind);
      if (!shader) return;
      gl.shaderSource(shader, text);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    gl.useProgram(program);
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ARRAY_BUFFER, new Float32Array([0, 0, 1, 0, 0, 1, 1, 1]), gl.STATIC_DRAW);
    const corner = gl.getAttribLocation(program, "corner");
    gl.enableVertexAttribArray(corner);
    gl.vertexAttribPointer(corner, 2, gl.FLOAT, false, 0, 0);
    gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
    for (const edge of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T])
      gl.texParameteri(gl.TEXTURE_2D, edge, gl.CLAMP_TO_EDGE);
    for (const size of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER])
      gl.texParameteri(gl.TEXTURE_2D, size, gl.LINEAR);
    const [r, g, b] = rgb(this.key).map((part) => part / 255) as [number, number, number];
    gl.uniform2f(
      gl.getUniformLocation(program, "key"),
      -0.1146 * r - 0.3854 * g + 0.5 * b,
      0.5 * r - 0.4542 * g - 0.0458 * b,
    );
  }
}

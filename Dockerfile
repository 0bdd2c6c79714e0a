# micstream in a container: a small Debian, the locked packages, and a user who is not root.
#
#   docker build -t micstream .
#   docker build -t micstream --build-arg EXTRAS=demo .      with the demo's avatar and the plots
#
# compose.yaml has services of it: a demo, the microphone, an agent.
#
# Credentials come by the environment, never into the image: --env-file .env
#
# The microphone of a desktop, by the socket of PulseAudio or PipeWire. The sound server lets in
# only its own user, so run as that one:
#
#   docker run --rm -it --user "$(id -u):$(id -g)" --env-file .env \
#     -v "$XDG_RUNTIME_DIR/pulse/native:/tmp/pulse.sock" -e PULSE_SERVER=unix:/tmp/pulse.sock \
#     micstream live
#
# A sound card without a sound server (see `docker run ... micstream devices` for its name):
#
#   docker run --rm -it --device /dev/snd --group-add audio --env-file .env micstream live
#
# No microphone is needed to play a file:
#
#   docker run --rm --env-file .env -v "$PWD:/sound:ro" micstream play /sound/speech.wav

FROM python:3.13-slim-bookworm AS build
ARG EXTRAS=
WORKDIR /src
RUN python3 -m venv /opt/micstream && python3 -m venv /opt/build
COPY requirements.txt requirements-demo.txt requirements-build.txt ./
RUN /opt/micstream/bin/pip install --no-cache-dir --require-hashes \
      -r "requirements${EXTRAS:+-$EXTRAS}.txt"
RUN /opt/build/bin/pip install --no-cache-dir --require-hashes -r requirements-build.txt
COPY pyproject.toml README.md ./
COPY micstream micstream
COPY assets assets
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /dist . \
    && /opt/micstream/bin/pip install --no-cache-dir --no-deps --no-index /dist/*.whl \
    && /opt/micstream/bin/pip uninstall --yes pip

FROM python:3.13-slim-bookworm
# PortAudio, and of ALSA's plugins only the way to PulseAudio and PipeWire: the package as a whole
# brings 200 MB of codecs. That way becomes ALSA's default where such a server answers. The client
# must not start a server of its own, nor share memory with the host's.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates libportaudio2 libpulse0 \
    && mkdir /tmp/plugins && cd /tmp/plugins \
    && apt-get download libasound2-plugins && dpkg-deb --extract libasound2-plugins_*.deb . \
    && cp --archive --parents usr/lib/*/alsa-lib/libasound_module_*_pulse.so \
          usr/share/alsa/alsa.conf.d/50-pulseaudio.conf etc/alsa/conf.d/50-pulseaudio.conf / \
    && cp etc/alsa/conf.d/99-pulseaudio-default.conf.example \
          /etc/alsa/conf.d/99-pulseaudio-default.conf \
    && cd / && rm -rf /tmp/plugins /var/lib/apt/lists/* \
    && printf 'autospawn = no\nenable-shm = no\n' >> /etc/pulse/client.conf \
    && useradd --uid 1000 --groups audio --create-home micstream
COPY --from=build /opt/micstream /opt/micstream
# A container is sealed but for /tmp: the log of events is kept there, as long as it lives.
ENV PATH=/opt/micstream/bin:$PATH PYTHONUNBUFFERED=1 XDG_STATE_HOME=/tmp/state
USER 1000
WORKDIR /home/micstream
COPY assets/hello_world_16kHz.wav assets/
ENTRYPOINT ["micstream"]
CMD ["--help"]

# One image with the three programs; the command chooses.
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=1 go build -trimpath -ldflags='-s -w' -o /out/ ./gateway ./mockbanks ./loadtest

FROM debian:bookworm-slim
# New volumes take the owner of the folder they are laid over.
RUN useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin kaqiao \
 && install -d -m 0700 -o 10001 -g 10001 /data /keys
COPY --from=build /out/ /usr/local/bin/
USER 10001:10001
WORKDIR /data
VOLUME ["/data", "/keys"]

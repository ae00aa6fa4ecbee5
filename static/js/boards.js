// A figure as PNG: the server's own SVG, drawn on a canvas and handed over as a file.
(() => {
  const SCALE = 2; // sharp in print

  async function save(button) {
    const image = new Image();
    image.src = button.dataset.png;
    await image.decode();
    const canvas = document.createElement("canvas");
    canvas.width = image.naturalWidth * SCALE;
    canvas.height = image.naturalHeight * SCALE;
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    const file = await new Promise((done) => canvas.toBlob(done, "image/png"));
    const link = document.createElement("a");
    const name = button.dataset.png.split("/").pop().split("?")[0].replace(/\.svg$/, ".png");
    link.href = URL.createObjectURL(file);
    link.download = name;
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-png]");
    if (button) save(button);
  });
})();

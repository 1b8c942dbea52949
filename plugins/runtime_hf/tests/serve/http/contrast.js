(() => {
  const luminance = color => {
    const parts = color.match(/[\d.]+/g).slice(0, 3).map(part => part / 255)
      .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
  };
  const ground = element => {
    for (let each = element; each; each = each.parentElement) {
      const color = getComputedStyle(each).backgroundColor;
      if (color !== "rgba(0, 0, 0, 0)") return color;
    }
    return "rgb(255, 255, 255)";
  };
  const shown = [...document.querySelectorAll("body *")].filter(each => !["SCRIPT", "OPTION"].includes(each.tagName) && each.innerText);
  return shown.map(each => {
    const both = [luminance(getComputedStyle(each).color), luminance(ground(each))].sort((a, b) => b - a);
    return [each.tagName + "#" + each.id, (both[0] + 0.05) / (both[1] + 0.05)];
  });
})()

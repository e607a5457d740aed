// Light or dark: as the system says until the reader chooses. Whoever has painted listens for `theme` to paint again.

const isDark = () => {
  const { theme } = document.documentElement.dataset;
  return theme ? theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
};
document.querySelector('#theme').addEventListener('click', () => {
  document.documentElement.dataset.theme = isDark() ? 'light' : 'dark';
  document.dispatchEvent(new Event('theme'));
});

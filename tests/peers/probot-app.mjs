// A probot application with one handler.
let pushes = 0;
export default (app) => {
  app.on("push", () => {
    pushes += 1;
  });
};
